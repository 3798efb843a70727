"""Mails made elsewhere: whatever they are written in, they are read, shown inert, and sent or refused with a reason."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_corpus import ALL, HTML, Wild

from sillage.campaign.drafting import ready_pictures
from sillage.content import foreign, inline, intake
from sillage.content.accessibility import barriers
from sillage.content.html import Footer
from sillage.content.message import Source, compile_variant
from sillage.content.preview import _NOBODY, _reader, shown
from sillage.content.text import from_html
from sillage.domain.campaign import SourceKind
from sillage.errors import BadInput

FOOTER = Footer("Maison SAS, Brest", "because", "Leave", "Don't measure", "Online")
PNG = b"\x89PNG\r\n\x1a\n"


def _taken(wild: Wild) -> Source:
    """As the page does it: read, Liquid made readable, fields kept as text."""
    found = intake.from_file(wild.raw, wild.name)
    body, _ = foreign.readable(found.body)
    body = foreign.put(body, {one.text: (foreign.KEPT, "") for one in foreign.found(body)})
    return Source(found.kind, body, "Subject")


@pytest.mark.parametrize("wild", ALL, ids=lambda w: w.name)
def test_wild_mail_is_read_shown_and_sent_or_refused(wild: Wild) -> None:
    """Each is a source whose message leaves, or a BadInput that says why; nothing else ever happens."""
    source = _taken(wild)
    assert source.kind is (SourceKind.MJML if wild.name.endswith(".mjml") else SourceKind.HTML)
    if wild.name == "loop.html":
        with pytest.raises(BadInput, match="rendered"):
            compile_variant(source, _NOBODY, FOOTER).fill(_reader({}))
        return
    if not wild.sends:
        with pytest.raises(BadInput):
            compile_variant(source, _NOBODY, FOOTER)
        return
    compiled = compile_variant(source, _NOBODY, FOOTER)
    given = dict.fromkeys(compiled.needed_fields, "x")
    message = compiled.fill(_reader(given))
    assert b"text/html" in message
    page = shown(source, FOOTER, given)
    assert "Content-Security-Policy" in page
    assert "Leave" in page
    assert isinstance(barriers(page), list)


@pytest.mark.parametrize("name", ["latin_1", "cp1252_unsaid", "utf_16", "bom"])
def test_bytes_are_read_as_their_author_meant_them(name: str) -> None:
    """Whatever the encoding, said or not, accents come out as they went in."""
    wild = next(w for w in HTML if w.name == f"{name}.html")
    body = intake.from_file(wild.raw, wild.name).body
    wanted = {
        "latin_1": "Été à Orléans",
        "cp1252_unsaid": "L\u2019été \u2014 \u201cquotes\u201d à 20 €",
        "utf_16": "Sixteen é",
    }
    assert wanted.get(name, "<p>Marked</p>") in body
    assert "\ufeff" not in body


@given(st.binary(max_size=300))
def test_any_bytes_are_a_mail_or_a_reason(raw: bytes) -> None:
    """No file does anything else than to be read or refused."""
    try:
        found = intake.from_file(raw, "x.html")
    except BadInput:
        return
    assert not {"\ue000", "\ue001", "\ue002", "\x00"} & set(found.body)


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_zip_brings_its_pictures_by_every_way_they_are_called() -> None:
    """Relative, encoded, in CSS and as a background; what is not in it stays as it is called."""
    body = (
        b"<style>p{background:url('img/b.png')}</style><body background='img/a%20a.png'>"
        b'<img src="./img/../img/b.png">'
        b"<img src='../../etc/passwd.png'><img src=https://x.example/c.png><img src='{{ photo }}'></body>"
    )
    found = intake.from_file(_zip({"mail/index.html": body, "mail/img/a a.png": PNG, "mail/img/b.png": PNG,
                                   "__MACOSX/mail/._index.html": b"x", "notes.txt": b"x"}), "m.zip")  # fmt: skip
    assert set(found.pictures) == {"img/b.png", "img/a%20a.png", "./img/../img/b.png"}
    put = intake.with_pictures(found.body, dict.fromkeys(found.pictures, "https://l.example/i/k.png"))
    assert put.count("https://l.example/i/k.png") == 3
    assert "../../etc/passwd.png" in put


def test_hostile_zips_are_refused() -> None:
    """A bomb, a ZIP that lies, one without a mail, one with too many files, one that is none."""
    bomb = _zip({"index.html": b"<img src='a.png'>", "a.png": bytes(70 * 1024 * 1024)})
    assert len(bomb) < 200_000
    for raw in (bomb, _zip({"a.txt": b"x"}), b"PK\x03\x04broken", _zip({f"{n}.html": b"x" for n in range(600)}),
                _zip({"index.html": bytes(3_000_000)})):  # fmt: skip
        with pytest.raises(BadInput):
            intake.from_file(raw, "x.zip")
    slip = intake.from_file(
        _zip({"../../etc/cron.d/x.png": PNG, "index.html": b"<img src='../../etc/cron.d/x.png'>"}), "z"
    )
    assert set(slip.pictures) == {"../../etc/cron.d/x.png"}


def test_mail_of_twenty_megabytes_is_refused_with_what_to_do() -> None:
    """However it comes, it is refused before anything is made of it."""
    with pytest.raises(BadInput, match="pictures out"):
        intake.from_file(b"<p>" + b"x" * 20_000_000, "big.html")


def test_pictures_in_the_text_go_out_of_it() -> None:
    """A picture as base64 becomes one of the library, and one that is none stays and is told."""
    wild = next(w for w in HTML if w.name == "base64_picture.html")
    found = intake.from_file(wild.raw, wild.name)
    ready, faults = ready_pictures(found)
    (address,) = ready
    assert not faults
    assert "data:image" not in intake.with_pictures(found.body, {address: "https://l.example/i/k.png"})
    broken = intake.from_file(b"<img src='data:image/png;base64," + b"QUJD" * 20 + b"'>", "x.html")
    assert ready_pictures(broken)[0] == {}
    assert len(ready_pictures(broken)[1]) == 1


def test_fields_of_other_services_are_found_and_put_into_ours() -> None:
    """Each syntax is named, guessed where its name says what it is, and becomes Liquid with its default."""
    source = "*|FNAME|* %%last name%% [[shoe size]] {{ contact.EMAIL }} <a href='*|UNSUB|*'>x</a> 100% of 20% {{ ok }}"
    found = {one.text: one.meaning for one in foreign.found(source)}
    assert found == {"*|FNAME|*": "first_name", "%%last name%%": "last_name", "[[shoe size]]": "",
                     "{{ contact.EMAIL }}": "email", "*|UNSUB|*": "unsubscribe_url"}  # fmt: skip
    put = foreign.put(source, {"*|FNAME|*": ("first_name", "it's"), "[[shoe size]]": ("Shoe size", "42"),
                               "{{ contact.EMAIL }}": (foreign.KEPT, ""), "*|UNSUB|*": ("unsubscribe_url", "")}
                      )  # fmt: skip
    compiled = compile_variant(Source(SourceKind.HTML, put, "S"), _NOBODY, FOOTER)
    page = compiled.fill_html(_reader({"Shoe size": "38", "ok": "fine"}), "https://l.example")
    assert "its %%last name%% 38 {{ contact.EMAIL }}" in page
    assert "https://l.example/u/" in page


@given(
    st.lists(
        st.sampled_from(["{{", "}}", "{%", "%}", " a ", "if x", "endif", "raw", "|", "'", "{% raw %}", "#if", "\n"])
    )
)
def test_what_liquid_cannot_read_is_kept_as_text(pieces: list[str]) -> None:
    """Whatever braces stand in a mail, it can be read afterwards, and nothing of it is lost."""
    source = "".join(pieces)
    readable, _ = foreign.readable(source)
    kept = readable.replace("{% raw %}", "").replace("{% endraw %}", "")
    assert kept == source.replace("{% raw %}", "").replace("{% endraw %}", "")


@pytest.mark.parametrize("wild", HTML, ids=lambda w: w.name)
def test_inlining_changes_nothing_but_styles(wild: Wild) -> None:
    """The words, the tags, Liquid and comments stay; only values of style come and change."""
    body = intake.from_file(wild.raw, wild.name).body
    assert from_html(inline.inlined(body)) == from_html(body)


def test_rules_come_into_their_tags_in_place() -> None:
    """A rule stands in the tag that it speaks of, below what the tag says itself; Liquid between rows stays there."""
    source = (
        "<style>td{color:red;padding:1px} a:hover{color:blue} @media print{td{color:#000}}</style>"
        "<TABLE>{% for x in y %}<tr><td style='padding:9px'>{{ x }}</td></tr>{% endfor %}</TABLE>"
        "<!--[if mso]><td><![endif]-->"
    )
    made = inline.inlined(source)
    assert "{% for x in y %}<tr><td style=" in made
    assert made.index("color: red") < made.index("padding: 9px")
    assert "<!--[if mso]><td><![endif]-->" in made
    assert "@media print{td{color:#000}}" in made


def test_addresses_of_a_page_are_made_whole() -> None:
    """Pictures and links of a fetched page lead where they led, and what is whole or a field stays."""
    page = "<img src='a.png'><a href='/b'>b</a><a href='#c'>c</a><a href='mailto:x@y.example'>m</a><img src='{{ d }}'>"
    made = intake.made_absolute(page, "https://x.example/news/1.html")
    assert "https://x.example/news/a.png" in made
    assert "https://x.example/b" in made
    assert "'#c'" in made
    assert "mailto:x@y.example" in made
    assert "'{{ d }}'" in made
