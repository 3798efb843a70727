"""Signatures verify with an implementation that is not ours, cover what RFC 8058 demands, and break when changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.content.dkim import Algorithm, DkimKey, from_pem, generate
from sillage.content.html import Footer
from sillage.content.message import Compiled, Envelope, Source, compile_variant
from sillage.content.mime import Attachment
from sillage.content.segments import Person
from sillage.domain.campaign import Pixel, SourceKind
from sillage.errors import BadInput

KEYS = [generate("maison.example", "s1", Algorithm.RSA), generate("maison.example", "s2", Algorithm.ED25519)]
FOOTER = Footer("Maison SAS, 1 quai du Port", "You agreed", "Unsubscribe", "Don't measure", "View online")
WORDS = st.text(st.characters(exclude_characters="\ue000\ue001\ue002", exclude_categories=("Cs",)), max_size=200)
BODY = "<p>Bonjour {{ first_name | default: 'vous' }} . {% if city %}de {{ city }}{% endif %}</p>  <p>.</p>\n\n\n"


def compiled(keys: list[DkimKey], name: str = "Maison", files: tuple[Attachment, ...] = ()) -> Compiled:
    envelope = Envelope(
        name, "news@maison.example", "hello@maison.example", "b.maison.example", "https://m.example", "3:2:1:x", "fr"
    )
    source = Source(SourceKind.HTML, BODY, "Été de {{ first_name | default: 'vous' }} {{ city }}", files=files)
    return compile_variant(source, envelope, FOOTER, keys)


COMPILED = compiled(KEYS)


def person(**fields: str) -> Person:
    now = datetime(2026, 11, 24, 10, tzinfo=UTC)
    return Person("a@b.example", {"city": "x", **fields}, "t" * 36, "m" * 44, "n" * 36, Pixel.INDIVIDUAL, now)


def verified(raw: bytes, keys: list[DkimKey] = KEYS) -> list[bool]:
    """Whether each signature verifies, by dkimpy."""
    records = {f"{key.record_name}.".encode(): key.record.encode() for key in keys}

    def txt(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name)

    return [_verifies(dkim.DKIM(raw), at, txt) for at in range(len(keys))]


def _verifies(message: dkim.DKIM, at: int, txt: Callable[[bytes, int], bytes | None]) -> bool:
    try:
        return bool(message.verify(idx=at, dnsfunc=txt))
    except dkim.ValidationError:
        return False


def test_both_signatures_verify():
    """A message with files, accents and folded headers carries two signatures that dkimpy accepts."""
    files = (Attachment("été.pdf", "application/pdf", b"%PDF" * 500), Attachment("l.png", "image/png", b"x", cid="l"))
    raw = compiled(KEYS, "Société  “Été”", files).fill(person(first_name="Zoé " * 30))
    assert verified(raw) == [True, True]


@given(first_name=WORDS, city=WORDS.filter(str.strip))
def test_signatures_hold_whatever_a_contact_is_called(first_name: str, city: str):
    """No value of a merge field makes a message that is not canonical as we hash it."""
    assert verified(COMPILED.fill(person(first_name=first_name, city=city))) == [True, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"https://m.example/u/", b"https://e.example/u/"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        (b"Bonjour", b"Bonsoir"),
        (b"From: ", b"From: evil@e.example\r\nFrom: "),
        (b"Subject: ", b"Subject: first\r\nSubject: "),
        (b"MIME-Version", b"Reply-To: evil@e.example\r\nMIME-Version"),
    ],
)
def test_change_breaks_the_signature(old: bytes, new: bytes):
    """A change of body or of the unsubscribe headers, or a second From, Subject or Reply-To, is noticed."""
    raw = COMPILED.fill(person())
    assert verified(raw) == [True, True]
    assert old in raw
    assert verified(raw.replace(old, new, 1)) == [False, False]


def test_unsigned_without_keys():
    """Where there is no key, there is no signature header, and the rest is the same."""
    plain, signed = compiled([]).fill(person()), COMPILED.fill(person())
    assert b"DKIM-Signature" not in plain
    assert signed.endswith(plain)
    assert signed.count(b"DKIM-Signature: ") == 2


@pytest.mark.parametrize("key", KEYS, ids=["rsa", "ed25519"])
def test_key_comes_back_from_its_file(key: DkimKey):
    """A key written as PEM reads back with the same record, and is never shown by its text."""
    again = from_pem(key.domain, key.selector, key.to_pem())
    assert again.record == key.record
    assert "PRIVATE" not in repr(key)


@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_broken_key_is_refused(pem: bytes):
    """What is no private key is refused by the name of its record, and its content is not repeated."""
    with pytest.raises(BadInput, match=r"s1\._domainkey\.maison\.example"):
        from_pem("maison.example", "s1", pem)
