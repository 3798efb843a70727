"""What keeps somebody from reading a mail is found, and nothing is made up."""

from __future__ import annotations

import pytest

from sillage.content.accessibility import ADVICE, barriers, colour_of, contrast

GOOD = (
    "<html lang=fr><body><table role=presentation><tr><td style='background-color:#ffffff'><h1>A</h1><h2>B</h2>"
    "<p style='color:#333'>Words <a style='color:#0B7A75' href='https://x.example/'>our lamps</a></p>"
    "<img src=a alt=''><a href='https://x.example'><img src=b alt='Lamps'></a></td></tr></table></body></html>"
)


def _rules(body: str, page: str = "<html lang=fr><body>{}</body></html>") -> set[str]:
    return {one.rule for one in barriers(page.format(body))}


def test_sound_mail_has_no_barrier() -> None:
    """Nothing is said of a mail that is in order."""
    assert barriers(GOOD) == []


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<img src=a>", "alt"),
        ("<a href=https://x.example>Click here</a>", "link_text"),
        ("<a href=https://x.example>Ici !</a>", "link_text"),
        ("<a href=https://x.example><img src=a alt=''></a>", "link_empty"),
        ("<h1>A</h1><h3>B</h3>", "headings"),
        ("<p style='color:#999'>pale</p>", "contrast"),
        ("<td bgcolor=#000000><font color=#333333>dark</font></td>", "contrast"),
        ("<table><tr><td>x</td></tr></table>", "tables"),
        ("<p style='font-size:9px'>tiny</p>", "small"),
    ],
)
def test_barrier_is_found_with_its_rule(body: str, rule: str) -> None:
    """Each rule finds what it is for, and has an advice."""
    assert rule in _rules(body)
    assert rule in ADVICE


def test_page_that_says_no_language_is_told() -> None:
    """Without lang a voice guesses."""
    assert "language" in {one.rule for one in barriers("<html><body>x</body></html>")}


@pytest.mark.parametrize(
    "body",
    [
        "<p style='color:#777;font-size:26px'>large and pale enough</p>",
        "<div style='display:none;color:#fff'>preheader</div>",
        "<td background=photo.jpg><p style='color:#fff'>on a picture nobody can tell</p></td>",
        "<img width=1 height=1 src=pixel>",
        "<table><tr><th>Head</th></tr><tr><td>Data</td></tr></table>",
        "<p style='color:#fff;background:#0B2545'>turned</p>",
    ],
)
def test_what_is_no_barrier_is_not_told(body: str) -> None:
    """Large letters, hidden text, pictures as ground, pixels and tables of data."""
    assert _rules(body) == set()


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21, equal colours are 1, the order does not matter."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")
    assert (colour_of("RGB(255, 0,0)"), colour_of("#abc"), colour_of("transparent")) == ("#ff0000", "#aabbcc", None)
