"""Figures as people read them: a count or a rate with its name, its n, its interval and its meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboards import terms
from dashboards.words import NOTHING, Words
from sillage.domain.campaign import CampaignState

Row = dict[str, Any]

# Each rate of dbt with its numerator and its denominator, and why it may be nothing.
RATES = {
    "open_rate": ("human_open_count", "measurable_count", "Nobody who agreed to be measured has got it yet."),
    "click_rate": ("human_click_count", "delivered_count", "Nothing is delivered yet."),
    "reactivity_rate": ("human_click_count", "human_reaction_count", "Nobody has opened or clicked yet."),
    "bounce_rate": ("bounced_count", "sent_count", "Nothing is sent yet."),
    "permanent_bounce_rate": ("permanent_count", "sent_count", "Nothing is sent yet."),
    "unsubscribe_rate": ("unsubscribed_count", "delivered_count", "Nothing is delivered yet."),
    "complaint_rate": (
        "complained_count",
        "reporting_count",
        "Nothing is delivered yet to a provider that reports complaints.",
    ),
}
# Below that many people a rate without its interval says more than is known.
SMALL = 1_000


def rate_tile(words: Words, row: Row, metric: str) -> None:
    """A rate as a tile: its value, its n of N, and its interval where N is small."""
    value = row[metric]
    numerator, denominator, reason = RATES[metric]
    digits = terms.digits(metric)
    meaning = terms.meaning(words, metric) or ""
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.metric(
            words.t(terms.METRICS[metric]),
            words.percent(value, digits),
            help=meaning if value is not None else f"{words.t(reason)} {meaning}",
        )
        if value is None:
            st.caption(words.t(reason))
            return
        parts = [of(words, row[numerator], row[denominator])]
        if row[denominator] < SMALL:
            span = words.span(row[f"{metric}_low"], row[f"{metric}_high"], digits)
            parts.append(words.t("95 %%: %(span)s", span=span))
        st.caption(" · ".join(parts))


def count_tile(words: Words, label: str, value: int | None, *, caption: str, help_text: str | None = None) -> None:
    """A count as a tile."""
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.metric(label, words.number(value), help=help_text)
        st.caption(caption)


def of(words: Words, numerator: int, denominator: int) -> str:
    """N of N."""
    return words.t("%(n)s of %(of)s", n=words.number(numerator), of=words.number(denominator))


def state_badge(words: Words, state: CampaignState) -> None:
    """A campaign's state by word, icon and colour."""
    st.badge(
        terms.term(words, terms.CAMPAIGN_STATES, state),
        color=terms.STATE_COLOURS[state],  # type: ignore[arg-type]  # names of the palette
        icon=terms.STATE_ICONS[state],
    )


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """A small table; the first `left` columns hold words, the others figures, which stand to the right.

    Cells are markdown: words of other people must have gone through `plain`.
    """
    rule = [":---" if column < left else "---:" for column in range(len(headers))]
    lines = ["| " + " | ".join(cells) + " |" for cells in (headers, rule, *rows)]
    st.markdown("\n".join(lines))


def rate_text(words: Words, row: Row, metric: str) -> str:
    """A rate in a table's cell."""
    value = row[metric]
    return NOTHING if value is None else words.percent(value, terms.digits(metric))
