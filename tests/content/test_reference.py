"""The compiled message against a slow reference: the standard library's email package, and Liquid rendered whole."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.content import merge, mime
from sillage.content import text as plain_text
from sillage.content.html import BASE_MARK, PIXEL_MARK, RECIPIENT_MARK, Footer
from sillage.content.message import Compiled, Envelope, Source, compile_variant
from sillage.content.mime import Attachment
from sillage.content.segments import Person
from sillage.domain.campaign import Pixel, SourceKind
from sillage.errors import BadInput

FOOTER = Footer("Maison SAS, 1 quai du Port", "You agreed", "Unsubscribe", "Don't measure", "View online")
BASE = "https://m.example"
ENVELOPE = Envelope(
    "Société “Été”", "news@maison.example", "hello@maison.example", "b.maison.example", BASE, "3:2", "fr"
)
WORDS = st.text(st.characters(exclude_characters="\ue000\ue001\ue002", exclude_categories=("Cs", "Cc")), max_size=80)
BODIES = st.lists(
    st.sampled_from([
        "<p>Bonjour {{ first_name | default: 'vous' }}</p>", "<p>..\n.\n</p>", "<p>é = = ü</p>\n\n", "   ",
        '<a href="https://shop.example/?a=1&amp;b={{ city }}">x</a>', '<a href="https://shop.example/x">shop</a>',
        "{% if city %}<p>À {{ city | upcase }}</p>{% else %}<p>ici</p>{% endif %}",
        "{% for n in (1..3) %}<i>{{ n }}</i>{% endfor %}", "<p>{{ city }}</p>", "x" * 200, "<!-- \u2013 -->",
    ]),
    min_size=1, max_size=8,
)  # fmt: skip
FILES = st.lists(
    st.builds(
        Attachment,
        name=st.sampled_from(["plan.pdf", "été à la plage.png", 'a "b".txt']),
        type=st.sampled_from(["application/pdf", "image/png"]),
        content=st.binary(max_size=300),
        cid=st.sampled_from(["", "logo@maison.example"]),
    ),
    max_size=3,
)


def compiled(body: str, subject: str, files: list[Attachment] | None = None) -> Compiled:
    source = Source(
        SourceKind.HTML, body, subject, "pré {{ city }}", defaults=(("city", "là"),), files=tuple(files or ())
    )
    return compile_variant(source, ENVELOPE, FOOTER)


def person(pixel: Pixel = Pixel.INDIVIDUAL, address: str = "a@b.example", **fields: str) -> Person:
    now = datetime(2026, 11, 24, 10, 1, 2, tzinfo=UTC)
    return Person(address, fields, "t" * 36, "m" * 44, "n" * 36, pixel, now)


def reference(found: Compiled, subject: str, files: list[Attachment], to: Person) -> EmailMessage:
    """The same message by the email package: templates rendered whole, nothing encoded by us."""
    fields = {"city": "là", **{k: v for k, v in to.fields.items() if v}}

    def rendered(source: str, *, is_html: bool) -> str:
        text = merge.parse(source, where="x", is_html=is_html).render(**fields)
        return str(text).replace(BASE_MARK, BASE).replace(RECIPIENT_MARK, to.token)

    message = EmailMessage(policy=email.policy.SMTP)
    name, domain = ENVELOPE.from_email.split("@")
    message["From"] = Address(ENVELOPE.from_name, name, domain)
    message["To"] = to.address
    flat = " ".join("".join(c if c.isprintable() else " " for c in rendered(subject, is_html=False)).split())
    message["Subject"] = flat
    message["Date"] = format_datetime(to.sent_at)
    message["Message-ID"] = f"<{to.mailbox_token}@{ENVELOPE.bounce_domain}>"
    plain = plain_text.from_html(found.html.replace(PIXEL_MARK, ""))
    message.set_content(rendered(plain, is_html=False))
    html = rendered(found.html.replace(PIXEL_MARK, f"{BASE}/o/{to.token}.gif"), is_html=True)
    message.add_alternative(html, subtype="html")
    for file in files:
        kind = dict(zip(("maintype", "subtype"), file.type.split("/"), strict=True))
        if file.cid:
            message.get_body(("html",)).add_related(  # type: ignore[union-attr]
                file.content, **kind, cid=f"<{file.cid}>", filename=file.name, disposition="inline"
            )
        else:
            message.add_attachment(file.content, **kind, filename=file.name)
    return message


def seen(raw: bytes) -> dict[str, object]:
    """What a reader sees: headers, both texts, files."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert not message.defects
    html, plain = message.get_body(("html",)), message.get_body(("plain",))
    assert html is not None
    assert plain is not None
    files = [
        (p.get_content_type(), p.get_filename(), p["Content-ID"], p.get_content_disposition(), p.get_content())
        for p in message.walk()
        if p.get_content_disposition() in {"attachment", "inline"} and not p.is_multipart()
    ]
    return {
        **{name: " ".join(str(message[name]).split()) for name in ("From", "To", "Subject", "Date", "Message-ID")},
        # A quote may be written as &quot; or as &#34;: the reader sees the same.
        "html": unescape(html.get_content()).replace("\r\n", "\n").strip("\n"),
        "plain": plain.get_content().replace("\r\n", "\n").strip("\n"),
        "files": sorted(files, key=repr),
    }


@given(BODIES, WORDS, WORDS, FILES)
def test_compiled_and_reference_parse_equal(body: list[str], first_name: str, city: str, files: list[Attachment]):
    """For any template and any contact, the bytes that we join and the email package's message read the same."""
    subject = "{{ first_name | default: 'vous' }}, du neuf {% if city %}à {{ city }}{% endif %}"
    found = compiled("\n".join(body), subject, files)
    to = person(first_name=first_name, city=city)
    raw = found.fill(to)
    assert seen(raw) == seen(reference(found, subject, files, to).as_bytes())
    lines = raw.split(b"\r\n")
    assert all(len(line) <= 998 and not line.startswith(b".") for line in lines)
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_domain_outside_ascii_travels_in_a_labels():
    """An IDN in To is written as RFC 5891 says, and the whole message stays ASCII."""
    raw = compiled("<p>x</p>", "s").fill(person(address="zoe@exämple.example"))
    assert b"To: zoe@xn--exmple-cua.example\r\n" in raw
    assert raw.isascii()
    with pytest.raises(BadInput, match="no domain"):
        mime.ascii_domain("a..é")


@pytest.mark.parametrize(
    ("name", "kind", "cid"),
    [
        ("a\r\nBcc: x", "image/png", ""), ("", "image/png", ""), ("x", "image", ""), ("x", "image/png\r\nX: y", ""),
        ("x", "multipart/mixed", ""), ("x", "image/png", "a>\r\nX: y"), ("x" * 200, "image/png", ""),
    ],
)  # fmt: skip
def test_attachment_that_would_write_headers_is_refused(name: str, kind: str, cid: str):
    """A name, type or Content-ID with line ends or out of bounds is refused when the file is added."""
    with pytest.raises(BadInput):
        Attachment(name, kind, b"", cid)
