"""A compiled message is what the email package would have made, and nothing can be put into it."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.content import mime
from sillage.content.html import Footer
from sillage.content.message import Compiled, Envelope, Source, compile_variant
from sillage.content.segments import Person
from sillage.domain.campaign import Pixel, SourceKind
from sillage.errors import BadInput

FOOTER = Footer("Maison SAS, 1 quai du Port", "You agreed", "Unsubscribe", "Don't measure", "View online")
ENVELOPE = Envelope(
    "Société “Été”",
    "news@maison.example",
    None,
    "bounces.maison.example",
    "http://127.0.0.1:8420",
    "3:2:1:sillage",
    "fr",
)
BODY = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Bonjour {{ first_name | default: "vous" }}, voilà.  ..
<a href="https://shop.example/x?a=1&amp;b=2">shop</a></mj-text>
<mj-text>{% if city %}<a href="https://shop.example/{{ city }}">x</a>
<a href="https://city.example/">In {{ city }}</a>{% endif %}</mj-text>
</mj-column></mj-section></mj-body></mjml>"""
WORDS = st.text(st.characters(exclude_characters="\ue000\ue001\ue002", exclude_categories=("Cs",)), max_size=200)


def compiled(body: str = BODY, subject: str = "Été de {{ first_name | default: 'vous' }}") -> Compiled:
    return compile_variant(Source(SourceKind.MJML, body, subject, "pré {{ city | default: '' }}"), ENVELOPE, FOOTER)


def person(pixel: Pixel = Pixel.INDIVIDUAL, **fields: str) -> Person:
    now = datetime(2026, 11, 24, 10, tzinfo=UTC)
    return Person("a@b.example", fields, "t" * 36, "m" * 44, "n" * 36, pixel, now)


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_message_parses_to_what_was_written():
    """Headers, text and HTML come back through the email package as they were meant."""
    message = parsed(compiled().fill(person(first_name="Zoé", city="Saint-Malo")))
    assert message["Subject"] == "Été de Zoé"
    assert message["From"] == "Société “Été” <news@maison.example>"
    assert message["To"] == "a@b.example"
    assert message["Message-ID"] == f"<{'m' * 44}@bounces.maison.example>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"<http://127.0.0.1:8420/u/{'t' * 36}>" in message["List-Unsubscribe"]
    assert f"<mailto:u-{'m' * 44}@bounces.maison.example>" in message["List-Unsubscribe"]
    assert "Bonjour Zoé, voilà." in part(message, "html")
    assert "Bonjour Zoé, voilà." in part(message, "plain")
    assert f"http://127.0.0.1:8420/c/{'t' * 36}/1" in part(message, "plain")
    assert f"http://127.0.0.1:8420/c/{'t' * 36}/2" in part(message, "html")
    assert "Maison SAS, 1 quai du Port" in part(message, "plain")
    assert not message.defects


@given(first_name=WORDS, city=WORDS)
def test_merge_fields_change_nothing_but_their_place(first_name: str, city: str):
    """Whatever a contact's fields hold, the headers stay ours, lines stay short, and the text holds the field."""
    raw = COMPILED.fill(person(first_name=first_name, city=city))
    message = parsed(raw)
    assert message.keys() == parsed(COMPILED.fill(person())).keys()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n." not in raw
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    squeezed = "".join(first_name.split())
    assert squeezed in "".join(part(message, "plain").split())


COMPILED = compiled()


@given(WORDS)
def test_quoted_printable_reads_back_equal(text: str):
    """Encoding text and decoding it with the standard library gives the text, with line ends made equal."""
    import quopri

    encoded = mime.quoted_printable(text)
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    assert quopri.decodestring(encoded).replace(b"\r\n", b"\n").decode() == plain
    lines = encoded.split(b"\r\n")
    assert all(len(line) <= 76 for line in lines)
    assert not any(re.search(rb"[ \t]$|  |^\.", line) for line in lines), "canonical as DKIM's relaxed body wants it"


@given(WORDS)
def test_headers_hold_no_line_end_of_a_contact(text: str):
    """A header value is printable ASCII, folded only by us, and reads back as its words."""
    raw = mime.unstructured(text)
    assert re.fullmatch(rb"[\x20-\x7e]*(\r\n [\x20-\x7e]+)*", raw)
    read = parsed(b"Subject: " + raw + b"\r\n\r\n")["Subject"]
    printable = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    assert " ".join(str(read).split()) == printable


def test_pixel_has_three_fillings():
    """Individual, the same for everybody of a variant, and hygiene are told apart by their address alone."""
    pages = {pixel: part(parsed(compiled().fill(person(pixel))), "html") for pixel in Pixel}
    assert f"/o/{'t' * 36}.gif" in pages[Pixel.INDIVIDUAL]
    assert f"/o/{'n' * 36}.gif" in pages[Pixel.ANONYMOUS]
    assert f"/o/{'t' * 36}.gif" not in pages[Pixel.ANONYMOUS]
    assert f"/h/{'t' * 36}.gif" in pages[Pixel.HYGIENE]


def test_links_come_from_the_table_and_merged_ones_stay():
    """Each web link gets a number; one whose address holds a field is sent as written and named as not followed."""
    found = compiled()
    assert [link.url for link in found.links] == ["https://shop.example/x?a=1&b=2", "https://city.example/"]
    assert found.unfollowed == ("https://shop.example/{{ city }}",)


def test_field_that_is_printed_bare_is_needed():
    """A field without a default is needed; one behind a condition or with a default is not."""
    body = "<p>{{ code }} {{ name | default: 'you' }} {% if city %}{{ city }}{% endif %}</p>"
    found = compile_variant(Source(SourceKind.HTML, body, "s"), ENVELOPE, FOOTER)
    assert found.needed_fields == {"code"}
    with pytest.raises(BadInput, match="'code' is empty"):
        found.fill(person())


@pytest.mark.parametrize(
    ("body", "subject", "names"),
    [
        ("<p>{{ a </p>", "s", "body"),
        ("<p>{% if a %}</p>", "s", "body"),
        ("<p>x</p>", "{{ a | nofilter }}", "subject"),
        ("<p>{% include 'x' %}</p>", "s", "body"),
        ("<p>\ue000</p>", "s", "private-use"),
        ("<p>x</p>", "  ", "subject is empty"),
    ],
)
def test_broken_source_is_refused_by_name(body: str, subject: str, names: str):
    """What can't be compiled is refused with the place and the fault, before anything is sent."""
    with pytest.raises(BadInput, match=names):
        compile_variant(Source(SourceKind.HTML, body, subject), ENVELOPE, FOOTER)


def test_broken_mjml_is_refused():
    """MJML that does not parse is refused."""
    with pytest.raises(BadInput, match="MJML does not parse"):
        compile_variant(Source(SourceKind.MJML, "<mjml><mj-body><mj-bad></mjml>", "s"), ENVELOPE, FOOTER)


@pytest.mark.parametrize(
    "body",
    [
        "{% for i in (1..99999999) %}a{% endfor %}",
        "{% for i in (1..9999) %}{% for j in (1..9999) %}a{% endfor %}{% endfor %}",
        "{{ 'aaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaa'" * 4 + " }}",
    ],
)
def test_endless_template_is_cut(body: str):
    """A template that would run or grow without end is stopped by its bounds."""
    found = compile_variant(Source(SourceKind.HTML, f"<p>{body}</p>", "s"), ENVELOPE, FOOTER)
    with pytest.raises(BadInput, match="can't be rendered"):
        found.fill(person())


@pytest.mark.parametrize(
    "probe", ["{{ ''.__class__ }}", "{{ env }}", "{{ x | attr: 'format' }}", "{{ first_name.upper }}"]
)
def test_template_reaches_no_python_object(probe: str):
    """Nothing of Python is within a template's reach."""
    try:
        found = compile_variant(Source(SourceKind.HTML, f"<p>[{probe}]</p>", "s"), ENVELOPE, FOOTER)
    except BadInput:
        return
    page = found.fill_html(person(first_name="Zoé", env="", x=""), "http://x")  # no field of that name is filled
    assert "[]" in page


def test_field_is_escaped_in_html_and_not_in_text():
    """A script in a name is inert in HTML and plain words in the text part."""
    message = parsed(compiled().fill(person(first_name="<script>x</script>")))
    assert "&lt;script&gt;" in part(message, "html")
    assert "<script>x" not in part(message, "html")
    assert "<script>x</script>" in part(message, "plain")


def test_web_version_has_the_persons_links_and_no_pixel():
    """The page on the web holds the person's own links, and opening it is no open."""
    page = compiled().fill_html(person(first_name="Zoé"), "http://127.0.0.1:8420")
    assert f"/c/{'t' * 36}/1" in page
    assert "/o/" not in page
    assert "Bonjour Zoé" in page


@pytest.mark.parametrize(
    ("kind", "body"), [(SourceKind.MJML, BODY), (SourceKind.HTML, "<p>{{ city | default: 'x' }}</p>")]
)
def test_subject_is_the_title_of_the_page(kind: SourceKind, body: str):
    """The HTML part is titled with the subject, filled, quotes in its merge fields and all."""
    source = Source(kind, body, "A & B for {{ first_name | default: 'you' }}", "")
    message = parsed(compile_variant(source, ENVELOPE, FOOTER).fill(person()))
    assert "<title>A &amp; B for you</title>" in part(message, "html")
