"""What the pages say: in both languages, with figures as each writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from pages_messages import every_message

from dashboards import figures, terms
from dashboards.words import NOTHING, Words, plain
from sillage.i18n import LOCALES_DIR

FRENCH, ENGLISH = Words("fr", "Europe/Paris"), Words("en", "Europe/Paris")


def test_every_text_of_the_pages_is_in_french() -> None:
    """Whatever a page can say has a French translation, plurals included."""
    with (LOCALES_DIR / "fr" / "LC_MESSAGES" / "sillage.po").open("rb") as file:
        known = read_po(file, locale="fr")
    missing = []
    for one, many in every_message():
        message = known.get(one)
        said = message.string if message else ""
        if not (all(said) if isinstance(said, tuple) else said) or (many and not isinstance(said, tuple)):
            missing.append(one)
    assert not missing


def test_french_writes_figures_as_the_french_do() -> None:
    """12 345,6 % in French is 12,345.6 % in English, and thousands are parted as each language does."""
    assert FRENCH.percent(123.456) == "12\u202f345,6\u00a0%"
    assert ENGLISH.percent(123.456) == "12,345.6\u00a0%"
    assert FRENCH.number(42694) == "42\u202f694"
    assert ENGLISH.number(42694) == "42,694"


def test_nothing_is_a_dash_and_never_nought() -> None:
    """A figure that there is none of is a dash in every format."""
    for words in (FRENCH, ENGLISH):
        assert {words.number(None), words.percent(None), words.span(None, 0.5), words.second(None)} == {NOTHING}
        assert words.number(0) == "0"


def test_moments_stand_on_the_accounts_calendar_to_the_second() -> None:
    """A moment is shown in the account's time zone, with its seconds."""
    moment = datetime(2026, 11, 24, 23, 30, 7, tzinfo=UTC)
    assert ENGLISH.second(moment) == "25 Nov 2026 00:30:07"
    assert FRENCH.second(moment) == "25 nov. 2026 00:30:07"


@pytest.mark.parametrize(
    "text", ["![x](http://evil.example/a.png)", "**bold**", ":material/home:", "a|b", "$x$", "<b>"]
)
def test_plain_takes_the_meaning_from_every_sign(text: str) -> None:
    """What somebody else wrote brings no picture, icon, table cell or markup into a page."""
    shown = plain(text)
    assert all(f"\\{sign}" in shown for sign in text if sign in "![]*:|$<>")


@given(st.text())
def test_plain_keeps_to_one_line_of_bounded_length(text: str) -> None:
    """Whatever comes in, one line of at most 400 signs comes out."""
    shown = plain(text)
    assert "\n" not in shown
    assert len(shown) <= 400


def test_every_rate_has_its_meaning_from_the_models_documentation() -> None:
    """The text beside a rate is the very block of dbt's documentation."""
    assert set(figures.RATES) <= set(terms.meanings())
    assert "Numerator" in (terms.meaning(ENGLISH, "open_rate") or "")
    assert "Numérateur" in (terms.meaning(FRENCH, "open_rate") or "")
