"""Samples that a template brings are told of until somebody replaces them; the account's logo takes its place."""

from __future__ import annotations

import hashlib
import re

import pytest

from sillage.content.images import picture_of
from sillage.content.message import Source
from sillage.content.mjml import to_html
from sillage.content.samples import library_keys, placeholders, samples_in
from sillage.content.templates import Logo, library, source_of, template
from sillage.domain.campaign import SourceKind

LOGO = Logo("https://news.maison.example/i/" + "l" * 22 + ".png", 800, 200)


def test_samples_of_a_template_are_told_until_they_are_replaced() -> None:
    """As files of the mail or in the account's library, its pictures are known; others and its own links are not."""
    source = source_of(template("newsletter-classic").fill("en", "Maison"))
    shown = len({file.cid for file in source.files})
    assert shown
    assert samples_in(source, set()).pictures == shown
    assert samples_in(source, set()).links > 0
    kept = hashlib.sha256(picture_of(source.files[0].content, "x").content).hexdigest()
    own = Source(SourceKind.MJML, '<a href="https://shop.maison.example/">x</a>', "S")
    assert not samples_in(own, {"0" * 64}).are_left
    assert samples_in(own, {kept, "0" * 64}).pictures == 1


@pytest.mark.parametrize(
    ("body", "links"),
    [
        ('<a href="https://www.example.com/">x</a>', 1),
        ("<a href=http://example.com/a>x</a>", 1),
        ('<mj-button href="https://example.org">x</mj-button>', 1),
        ('<a href="https://example.com.maison.test/">x</a>', 0),
        ('<a href="https://www.example.community/">x</a>', 0),
        ("<p>https://www.example.com/</p>", 0),
    ],
)
def test_link_to_nobody_is_counted_by_its_host(body: str, links: int) -> None:
    """The whole host counts, and only where it is a link's."""
    assert samples_in(Source(SourceKind.HTML, body, "S"), set()).links == links


def test_placeholder_of_the_editor_is_a_sample() -> None:
    """A picture that was put in and never chosen is told of; library addresses are found by their keys."""
    body = f'<mj-image src="{placeholders()["placeholder"]}" /><img src="https://x.example/i/{"a" * 22}.png">'
    assert samples_in(Source(SourceKind.MJML, body, "S"), set()).pictures == 1
    assert library_keys(body) == {"a" * 22}


@pytest.mark.parametrize("name", sorted(library()))
def test_logo_stands_once_at_the_head_of_every_template(name: str) -> None:
    """In the place of the name where that stands there, before everything else where it does not, with its words."""
    page = to_html(template(name).fill("fr", "Maison & Fils", logo=LOGO).body)
    assert page.count(LOGO.url) == 1
    (tag,) = [tag for tag in re.findall(r"<img\b[^>]*>", page) if LOGO.url in tag]
    assert 'alt="Maison &amp; Fils"' in tag
    assert 'width="200"' in tag
    assert page.index(LOGO.url) < page.index("</table>", page.index(LOGO.url)) < len(page) / 2


@pytest.mark.parametrize(("size", "width"), [((40, 40), 40), ((400, 400), 56), ((4000, 100), 200), ((1, 5000), 1)])
def test_logo_is_never_taller_than_a_line_nor_larger_than_it_is(size: tuple[int, int], width: int) -> None:
    """Wide, square, small and odd ones."""
    assert Logo("https://x.example/", *size).shown_width == width
