"""The template library: whole in both languages, no two alike, valid, small, and with nothing from outside."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sillage.content import template_file
from sillage.content.html import Footer
from sillage.content.letter import read_markup
from sillage.content.message import Source, compile_variant
from sillage.content.mime import Attachment
from sillage.content.mjml import to_html
from sillage.content.preview import _NOBODY, shown
from sillage.content.templates import FOLDER, library, picture, source_of, template
from sillage.domain.campaign import SourceKind
from sillage.errors import BadInput, NotFound
from sillage.i18n import LANGUAGES

FOOTER = Footer("Maison Sillage SAS, 1 quai du Port, 29200 Brest", "why", "Unsubscribe", "Don't measure", "View online")
ALL = [(name, language) for name in library() for language in LANGUAGES]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def test_library_is_rich_and_no_two_are_built_alike():
    """At least 24 templates, and no two with the same blocks in the same order."""
    sequences = [t.sequence for t in library().values()]
    assert len(sequences) >= 24
    assert len(set(sequences)) == len(sequences)
    wanted = {"newsletter", "welcome", "sale", "event", "abandoned basket", "birthday", "survey", "announcement",
              "transactional"}  # fmt: skip
    assert wanted <= {t.category for t in library().values()}


@pytest.mark.parametrize(("name", "language"), ALL)
def test_template_compiles_with_the_footer_that_the_law_asks_for(name: str, language: str):
    """Valid MJML, every slot filled, and the mail says who sends it and how to leave or not be measured."""
    filled = template(name).fill(language, "Maison & Fils")
    assert "[[" not in filled.body
    assert "Maison &amp; Fils" in filled.body
    assert "<mj" not in to_html(filled.body)
    compiled = compile_variant(source_of(filled), _NOBODY, FOOTER)
    assert FOOTER.sender in compiled.html
    assert FOOTER.unsubscribe in compiled.html
    assert "Don&#x27;t measure" in compiled.html
    assert not compiled.needed_fields
    assert len(compiled.html) < 102_000


@pytest.mark.parametrize(("name", "language"), ALL)
def test_template_brings_its_pictures_and_fetches_nothing(name: str, language: str):
    """Each picture is one of ours, has words for who can't see it, and is small; nothing comes from outside."""
    filled = template(name).fill(language, "Maison")
    held = {f.cid for f in filled.files}
    for tag in re.findall(r"<mj-image [^>]*>", filled.body):
        cid = re.search(r'src="cid:([\w-]+)"', tag)
        alt = re.search(r'alt="([^"]+)"', tag)
        assert cid is not None
        assert cid.group(1) in held
        assert alt is not None
    assert not re.search(r"(src|background-url)=\"https?:", filled.body)
    assert sum(len(f.content) for f in filled.files) < 60_000
    assert picture(name, language).stat().st_size < 60_000
    for file in filled.files:
        assert Image.open(io.BytesIO(file.content)).format == "PNG"
        assert (FOLDER / "images" / f"{file.cid}.svg").exists()


def test_words_in_columns_without_a_size_are_read():
    """MJML's columns have a size of nought and their texts one of their own: a filter's test takes them for words."""
    markup = read_markup(to_html(template("newsletter-classic").fill("en", "Maison").body))
    assert "The harbour wakes early" in markup.text
    assert markup.tiny == ""


def test_brand_is_a_word_whatever_it_is():
    """A name with markup, merge fields or slots in it is shown, and does nothing."""
    filled = template("welcome").fill("en", '<script>x</script>{{ email }}[[accent]]{% if %}"')
    assert "<script>" not in filled.body
    assert "{{ email }}" not in filled.body
    compile_variant(source_of(filled), _NOBODY, FOOTER)


def test_unknown_template_is_unknown():
    """A name that no template has is said to be unknown, also where it looks like a path."""
    for name in ("none", "../frame", "blocks/hero"):
        with pytest.raises(NotFound):
            template(name)


def test_preview_is_inert():
    """Scripts are not let run, nothing is fetched, and links lead nowhere."""
    evil = '<p onclick="x()">a</p><script>steal()</script><a href="https://evil.example/">b</a><img src="https://x/y">'
    page = shown(Source(SourceKind.HTML, evil, "Hi"), FOOTER)
    assert "default-src 'none'" in page
    assert page.index("Content-Security-Policy") < page.index("<script")
    assert "href" not in page.split("<body")[1]


@pytest.mark.parametrize("name", sorted(library()))
def test_template_comes_back_from_its_file(name: str):
    """What is exported and taken in again is the same, and the same template is the same file."""
    source = source_of(template(name).fill("fr", "Maison"))
    packed = template_file.pack("Été « 1 »", source)
    assert packed == template_file.pack("Été « 1 »", source)
    title, back = template_file.unpack(packed)
    assert title == "Été « 1 »"
    assert (back.kind, back.body, back.subject, back.preheader) == (
        source.kind, source.body, source.subject, source.preheader,
    )  # fmt: skip
    assert [(f.cid, f.content) for f in back.files] == [(f.cid, f.content) for f in source.files]


def _zip(**files: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path.replace("__", "."), content)
    return held.getvalue()


TOLD = b'name = "A"\nsubject = "B"\nsource = "t.mjml"\n'


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"no zip", "no ZIP"),
        (_zip(), "template.toml is not in it"),
        (_zip(template__toml=b"name ="), "does not parse"),
        (_zip(template__toml=TOLD), "t.mjml is not in it"),
        (_zip(template__toml=TOLD.replace(b"t.mjml", b"../../etc/passwd")), "name a .mjml"),
        (_zip(template__toml=TOLD, t__mjml=b"\xff\xfe"), "not UTF-8"),
        (_zip(template__toml=TOLD, t__mjml=b"x" * 1_000_001), "larger than"),
        (_zip(template__toml=TOLD, t__mjml=b"x", big=bytes(13_000_000)), "unpacks to more"),
        (_zip(template__toml=TOLD + b'[[images]]\npath="a.png"\ncid="a"\n', t__mjml=b"x", a__png=b"<svg/>"), "no PNG"),
        (_zip(template__toml=TOLD + b'[[images]]\npath="a.svg"\ncid="a"\n', t__mjml=b"x", a__svg=b"<svg/>"), "no PNG"),
        (_zip(template__toml=b'name = "A\\r\\nBcc: x"\nsource = "t.mjml"\n', t__mjml=b"x"), "printable"),
        (_zip(template__toml=TOLD + b"images = 3\n", t__mjml=b"x"), "list"),
        (b"x" * (template_file.MAX_FILE + 1), "larger than"),
    ],
)
def test_file_that_is_no_template_is_refused(raw: bytes, said: str):
    """What is wrong is named; nothing is unpacked to a disk, and no more is read than may be."""
    with pytest.raises(BadInput, match=re.escape(said)):
        template_file.unpack(raw)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_words(raw: bytes):
    """No file, whatever it holds, ends in anything but an error in words."""
    with pytest.raises(BadInput):
        template_file.unpack(raw)


def test_pictures_in_a_file_keep_their_kind():
    """A file's pictures come back with the type that their names and first bytes say."""
    source = Source(SourceKind.HTML, "<p>x</p>", "S", files=(Attachment("a.png", "image/png", PNG, "a"),))
    _, back = template_file.unpack(template_file.pack("N", source))
    assert back.files == (replace(source.files[0], name="01.png"),)
