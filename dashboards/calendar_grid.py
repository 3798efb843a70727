"""The calendar as a page of HTML: a grid of weeks, which is a list of days where there is little room. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from urllib.parse import urlencode

from babel.dates import format_date

from dashboards import terms
from dashboards.calendar_entries import RECURS, Entry
from dashboards.words import Words
from sillage.domain.recurrence import Clocks

MARKS = {
    "closed": "✓", "cancelled": "✕", "sending": "▶", "waiting": "▶", "paused": "❚❚", "held": "!", "approval": "?",
    RECURS: "↻",
}  # fmt: skip
# Edges of a line, not text: each is told by a sign and a word as well.
EDGES = {
    "closed": "#5B6B7F", "cancelled": "#5B6B7F", "sending": "#0B7A75", "waiting": "#0B7A75", "paused": "#F2A541",
    "held": "#C8371B", "approval": "#F2A541", RECURS: "#7A8FB0",
}  # fmt: skip


def grid(
    words: Words, days: Sequence[date], month: date, today: date, found: Sequence[Entry], *, keep: Mapping[str, str],
    is_list: bool, is_dark: bool,
) -> str:  # fmt: skip
    """The days of a month's weeks with what stands on them; `keep` goes along with each link. As a list, days on which
    there is nothing are left out.
    """
    ground = "#0A1A2F" if is_dark else "#FFFFFF"
    cells = [f'<div class="sl-head">{escape(_named(words, day, "EEE"))}</div>' for day in days[:7]]
    for day in days:
        on_it = [entry for entry in found if words.here(entry.at).date() == day]
        kinds = ["sl-out"] if day.month != month.month else []
        kinds += ["sl-none"] if not on_it else []
        kinds += ["sl-now"] if day == today else []
        told = (
            f'<span class="sl-day"><span class="sl-short">{day.day}</span>'
            f'<span class="sl-full">{escape(_named(words, day, "EEEE d MMMM"))}</span></span>'
        )
        lines = "".join(_line(words, entry, keep) for entry in on_it)
        cells.append(f'<div class="{" ".join(kinds)}">{told}{lines}</div>')
    shape = "sl-cal sl-list" if is_list else "sl-cal"
    return f'<div class="{shape}" style="--sl-ground:{ground}">{"".join(cells)}</div>'


def state_of(words: Words, entry: Entry) -> str:
    """What an entry is, in a word."""
    return words.t("recurs") if entry.state == RECURS else terms.term(words, terms.CAMPAIGN_STATES, entry.state)


def _line(words: Words, entry: Entry, keep: Mapping[str, str]) -> str:
    edge = EDGES.get(entry.state, "#0B7A75")
    mark = MARKS.get(entry.state, "●")
    note = f" · {words.t('the clocks change')}" if entry.clocks is not Clocks.ONCE else ""
    inner = (
        f"<b>{escape(f'{words.here(entry.at):%H:%M}')}</b> {escape(entry.name)}"
        f"<small>{mark} {escape(state_of(words, entry))}{escape(note)}</small>"
    )
    page, params = ("report", {"campaign": str(entry.campaign_id)}) if entry.campaign_id else ("recurring", {})
    address = f"{page}?{urlencode({**keep, **params})}"
    return f'<a class="sl-entry" style="border-left-color:{edge}" target="_self" href="{escape(address)}">{inner}</a>'


def _named(words: Words, day: date, pattern: str) -> str:
    return str(format_date(day, pattern, locale="fr_FR" if words.language == "fr" else "en_GB"))
