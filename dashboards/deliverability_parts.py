"""The parts of the deliverability page; each takes its rows and draws one of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from dashboards import demands, figures, queries, recommendations, terms, undelivered
from dashboards.figures import rate_text
from dashboards.shell import Desk
from dashboards.words import NOTHING, Words, plain
from sillage.domain.ids import CampaignId

Row = dict[str, Any]
# The order in which people ask for them.
EXPLAINED = ("bounce_rate", "unsubscribe_rate", "complaint_rate", "reactivity_rate")
RATES = ("delivery_rate", "permanent_bounce_rate", "complaint_rate", "unsubscribe_rate")
JUDGED = ("NPAI and hard bounces", "Complaints", "Unsubscribes")
PARTS = {
    "provider": "By mailbox provider",
    "source": "By source",
    "import": "By import",
    "month": "By month in which people came",
}
_MARKS = {
    demands.MET: ":green[:material/check_circle:]",
    demands.MISSED: ":red[:material/cancel:]",
    demands.UNKNOWN: ":gray[:material/help:]",
}
SAID = {demands.MET: "met", demands.MISSED: "not met", demands.UNKNOWN: "to be checked by hand"}


def explained(desk: Desk) -> None:
    """The four rates in words: the very texts of the models."""
    words = desk.words
    for metric in EXPLAINED:
        with st.expander(words.t(terms.METRICS[metric])):
            st.write(plain(terms.meaning(words, metric) or NOTHING))


def stopped(desk: Desk) -> None:
    """What stopped by itself, by which figures, and how a person went on."""
    words, rows = desk.words, queries.stopped(desk)
    if not rows:
        st.caption(words.t("Nothing has stopped by itself."))
        return
    ended = {"resumed": words.t("resumed"), "cancelled": words.t("cancelled"), None: words.t("stands still")}
    figures.table(
        [words.t(h) for h in ("When", "Campaign", "Provider", "Why", "Value", "Critical from", "Since then")],
        [
            [
                words.minute(i.at),
                plain(name),
                terms.term(words, terms.PROVIDERS, i.provider),
                words.t(terms.METRICS[i.metric]),
                f"{words.percent(i.value, 2)} ({figures.of(words, i.numerator, i.denominator)})",
                words.percent(i.critical_at, 2),
                ended[i.ended_how],
            ]
            for i, name in rows
        ],
        left=4,
    )


def advice(desk: Desk, parts: list[Row]) -> None:
    """What to do."""
    words = desk.words
    texts = recommendations.recommended(words, parts, queries.thresholds(desk))
    if not texts:
        st.success(words.t("Nothing to do: no part of the list is above a threshold."), icon=":material/check_circle:")
    for text in texts:
        st.markdown(f"- {text}")


def by_part(desk: Desk, parts: list[Row]) -> None:
    """The list by each of what it is made of, beside the account's past."""
    words = desk.words
    part = st.segmented_control(
        words.t("Divided by"), list(PARTS), default="provider", required=True, key="deliverability_part",
        format_func=lambda name: words.t(PARTS[name]), label_visibility="collapsed",
    )  # fmt: skip
    recent = [row for row in parts if row["part"] == part and row["period"] == "recent"]
    past = {row["part_value"]: row for row in parts if row["part"] == part and row["period"] == "past"}
    if not recent:
        st.caption(words.t("Nothing was sent in the last thirty days."))
        return
    files = queries.import_names(desk) if part == "import" else {}
    figures.table(
        [words.t(h) for h in ("Part", "Sent", "Delivered", "Before", *JUDGED)],
        [
            [
                _label(words, row, files),
                words.number(row["sent_count"]),
                rate_text(words, row, "delivery_rate"),
                rate_text(words, past[row["part_value"]], "delivery_rate") if row["part_value"] in past else NOTHING,
                *(rate_text(words, row, metric) for metric in RATES[1:]),
            ]
            for row in recent
        ],
    )  # fmt: skip
    st.caption(
        words.t(
            "Campaigns of the last thirty days; before: of the ninety days before that. Complaints are measured at"
            " providers that report each of them."
        )
    )


def _label(words: Words, row: Row, files: dict[int, str]) -> str:
    value = row["part_value"]
    if row["part"] == "provider":
        return terms.term(words, terms.PROVIDERS, value)
    if not value:
        return words.t("unknown")
    if row["part"] == "import":
        return f"{plain(files.get(int(value), ''))} ({value})"
    return plain(value)


def by_campaign(desk: Desk) -> None:
    """The newest campaigns beside what is usual for the account."""
    words, rows = desk.words, queries.campaign_deliverability(desk)
    if not rows:
        st.caption(words.t("No campaign has left yet."))
        return
    figures.table(
        [words.t(h) for h in ("Campaign", "Sent", "Delivered", "Usual", *JUDGED)],
        [
            [
                plain(row["campaign_name"] or NOTHING),
                words.number(row["sent_count"]),
                rate_text(words, row, "delivery_rate"),
                words.span(row["usual_delivery_rate_low"], row["usual_delivery_rate_high"]),
                *(rate_text(words, row, metric) for metric in RATES[1:]),
            ]
            for row in rows
        ],
    )  # fmt: skip


def demanded(desk: Desk, parts: list[Row]) -> None:
    """What the three large providers demand, ticked or not."""
    words = desk.words
    has_sender = any(sender.verified_at for sender in queries.senders(desk))
    rows = []
    for demand in demands.demands():
        recent = [
            row
            for row in parts
            if row["part"] == "provider" and row["period"] == "recent" and row["part_value"] in demand.providers
        ]
        said = demands.verdict(demand, desk.settings, recent, has_sender=has_sender)
        asked = words.both(terms.term(words, terms.PROVIDERS, p) for p in demand.providers)
        rows.append([f"{_MARKS[said]} {words.t(SAID[said])}", words.t(demand.text), asked])
    figures.table([words.t(h) for h in ("For this account", "Demand", "Asked by")], rows, left=3)
    newest = max(demand.date for demand in demands.demands())
    st.caption(
        words.t("As read on %(day)s; the sources stand in data/sender_requirements.toml.", day=words.day(newest))
    )


def not_reached(desk: Desk) -> None:
    """Whom a campaign did not reach, why exactly, and the list as a file."""
    words = desk.words
    known = {c.campaign.id: c.campaign.name for c in queries.overview(desk).campaigns if c.figures}
    if not known:
        st.caption(words.t("No campaign has left yet."))
        return
    chosen = st.selectbox(words.t("Campaign"), list(known), format_func=lambda i: known[i], key="undelivered_campaign")
    rows = undelivered.listed(desk, CampaignId(chosen))
    if not rows:
        st.caption(words.t("Everybody was reached, as far as is known."))
        return
    figures.table(
        [words.t(h) for h in ("Address", "Provider", "Class", "Reason", "What the server said", "When")],
        [
            [
                plain(row["email"] or NOTHING),
                terms.term(words, terms.PROVIDERS, row["provider"]),
                terms.term(words, terms.BOUNCE_CLASSES, row["bounce_class"]),
                terms.term(words, terms.REASONS, row["bounce_reason"]),
                plain(row["said"] or NOTHING),
                words.minute(row["bounced_at"]),
            ]
            for row in rows
        ],
        left=6,
    )
    if len(rows) == undelivered.SHOWN:
        st.caption(words.t("The first %(n)s; the file has all.", n=words.number(undelivered.SHOWN)))
    for column, (kind, make) in zip(
        st.columns(4), (("csv", undelivered.as_csv), ("xlsx", undelivered.as_xlsx)), strict=False
    ):
        column.download_button(
            words.t("Save as %(kind)s", kind=kind.upper()),
            data=partial(_file, desk, CampaignId(chosen), make),
            file_name=f"undelivered-{chosen}.{kind}",
            key=f"undelivered-{kind}",
        )


def _file(desk: Desk, campaign_id: CampaignId, make: Callable[[list[Row]], bytes]) -> bytes:
    return make(undelivered.listed(desk, campaign_id, limit=undelivered.MOST))
