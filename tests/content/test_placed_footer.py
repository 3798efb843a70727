"""The footer that an author places: filled, counted once, and completed by what is missing."""

from __future__ import annotations

import pytest

from sillage.content.html import BASE_MARK, RECIPIENT_MARK, Footer, dress
from sillage.content.message import Source, compile_variant
from sillage.content.preview import _NOBODY
from sillage.domain.campaign import SourceKind

FOOTER = Footer("Maison {{ x }} & Fils, Brest", "because", "Leave", "Don't measure", "Online")
WHOLE = (
    "<p>{{ legal_identity }} {{reason}} <a href='{{ unsubscribe_url }}'>a</a>"
    "<a href='{{- withdraw_tracking_url -}}'>b</a><a href='{{ web_version_url | default: \"x\" }}'>c</a></p>"
)


def _dressed(body: str) -> str:
    return dress(body, preheader="", footer=FOOTER, title="T")


def test_placed_footer_is_filled_and_not_doubled() -> None:
    """Each part stands once, where its author put it, and no Liquid comes in by the account's name."""
    page = _dressed(WHOLE)
    assert page.count(f"{BASE_MARK}/u/{RECIPIENT_MARK}") == 1
    assert page.count("because") == 1
    assert "Maison { { x }} &amp; Fils" in page
    assert "Leave" not in page
    compiled = compile_variant(Source(SourceKind.HTML, WHOLE, "Subject"), _NOBODY, FOOTER)
    assert compiled.all_fields == frozenset()


@pytest.mark.parametrize(
    "hidden",
    ["{% if vip %}{{ unsubscribe_url }}{% endif %}", "<!-- {{ unsubscribe_url }} -->", "no way out at all",
     "{% for a in b %}<a href='{{ unsubscribe_url }}'>x</a>{% endfor %}"],
)  # fmt: skip
def test_way_out_that_somebody_may_not_see_is_added(hidden: str) -> None:
    """A way out inside a condition or a comment does not count: the footer has one all the same."""
    assert ">Leave</a>" in _dressed(f"<p>{hidden}</p>")


def test_part_after_a_condition_counts() -> None:
    """Conditions that are closed before hide nothing."""
    page = _dressed("{% if a %}x{% endif %}<!-- y --><a href='{{ unsubscribe_url }}'>out</a>")
    assert ">Leave</a>" not in page
    assert "Don&#x27;t measure" in page
