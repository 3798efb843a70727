"""Clicks drawn on the mail itself: a badge on each followed link, and nothing that runs or leads anywhere."""

from __future__ import annotations

from sillage.content.html import Footer
from sillage.content.message import Source
from sillage.content.preview import Heat, shown
from sillage.domain.campaign import SourceKind

HEAT = {1: Heat("48 · 8.1 %", 1.0), 2: Heat("3", 0.1), 3: Heat("7", 0.2), 9: Heat("none", 0.0)}
FOOTER = Footer("Maison, Brest", "You get this because", "Unsubscribe", "Withdraw", "View")
PAGE = (
    '<html><body><a class="x" href="https://shop.example/lamps" style="color:red">Lamps</a>'
    "<A HREF='https://shop.example/wool'>Wool</A><a href=\"https://shop.example/lamps\"><img src='x.png'></a>"
    '<a href="mailto:a@shop.example">Write</a></body></html>'
)


def test_each_followed_link_bears_its_own_badge() -> None:
    """Each place that can be clicked has its own; what is not followed, and the footer, bear none."""
    page = shown(Source(SourceKind.HTML, PAGE, "Hello"), FOOTER, heat=HEAT)
    assert page.count('class="sillage-heat"') == 3
    assert page.count("48 · 8.1 %") == 1
    assert page.index(">3</span>Wool") > page.index("48 · 8.1 %</span>Lamps")
    assert "https://links.example/c/" not in page
    assert "href" not in page.lower().split("<body", 1)[1]


def test_a_badge_is_text_and_a_strange_number_is_none() -> None:
    """What stands in a badge is escaped; a link without a count stays as it is; without heat nothing is drawn."""
    page = shown(Source(SourceKind.HTML, PAGE, "Hello"), FOOTER, heat={1: Heat('"><script>x</script>', 9.0)})
    assert "<script" not in page
    assert page.count('class="sillage-heat"') == 1
    assert "sillage-heat" not in shown(Source(SourceKind.HTML, PAGE, "Hello"), FOOTER)
