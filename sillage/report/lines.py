"""A report as lines of words and figures, for a PDF and a mail alike. Rows in, texts out; no rate is computed."""

from __future__ import annotations

from typing import Any

from sillage.report.gathered import Gathered
from sillage.words import NOTHING, Words

Row = dict[str, Any]
Line = tuple[str, ...]

HAND_OVERS = (
    ("accepted", "accepted_count"), ("refused", "refused_count"), ("failed on our side", "failed_count"),
    ("suppressed", "suppressed_count"), ("skipped", "skipped_count"), ("in doubt", "in_doubt_count"),
    ("waiting", "waiting_count"),
)  # fmt: skip
RATES = (
    ("Openers", "open_rate", "human_open_count", "measurable_count", 1),
    ("Clickers", "click_rate", "human_click_count", "delivered_count", 1),
    ("Click-to-open", "reactivity_rate", "human_click_count", "human_reaction_count", 1),
    ("Bounces", "bounce_rate", "bounced_count", "sent_count", 1),
    ("Unsubscribes", "unsubscribe_rate", "unsubscribed_count", "delivered_count", 2),
    ("Complaints", "complaint_rate", "complained_count", "reporting_count", 2),
)
STEPS = (
    ("Sent", "sent_count"), ("Delivered", "delivered_count"), ("Opened by people", "human_open_count"),
    ("Clicked by people", "human_click_count"), ("Opened by machines", "machine_open_count"),
    ("Clicked by machines", "machine_click_count"),
)  # fmt: skip
SHOWN = 12


def sentence(words: Words, seen: Gathered) -> str:
    """The campaign in one sentence, as the page begins."""
    row, campaign = seen.whole, seen.campaign
    if row is None or not row["sent_count"]:
        return words.t("Nothing has left yet.")
    parts = [
        words.n("Sent to %(count)s person since %(since)s", "Sent to %(count)s people since %(since)s",
                row["sent_count"], since=words.since(campaign.started_at or campaign.send_at, seen.as_of)),
        words.t("%(n)s delivered", n=words.number(row["delivered_count"])),
    ]  # fmt: skip
    if row["click_rate"] is not None:
        parts.append(words.t("%(rate)s clicked", rate=words.percent(row["click_rate"])))
    return "; ".join(parts) + "."


def balance(words: Words, row: Row) -> list[Line]:
    """The balance sheet: what became of everybody, and their number."""
    lines = [(words.t(label), words.number(row[column])) for label, column in HAND_OVERS if row[column]]
    return [*lines, (words.t("Recipients"), words.number(row["audience_count"]))]


def rates(words: Words, row: Row) -> list[Line]:
    """Each rate with its n of N and its 95 % interval; a dash where there is none."""
    found: list[Line] = []
    for label, rate, numerator, denominator, digits in RATES:
        of = words.t("%(n)s of %(of)s", n=words.number(row[numerator]), of=words.number(row[denominator]))
        span = words.span(row[f"{rate}_low"], row[f"{rate}_high"], digits)
        found.append((words.t(label), words.percent(row[rate], digits), of, span))
    return found


def links(words: Words, seen: Gathered) -> list[Line]:
    """The links most clicked: where each leads, clickers, share of the delivered."""
    return [
        (
            (f"{seen.names[row['variant_id']]} · " if len(seen.names) > 1 and row["variant_id"] in seen.names else "")
            + seen.urls.get((row["variant_id"], row["link_number"]), f"{row['link_number']}"),
            words.number(row["clicker_count"]),
            words.percent(row["click_rate"]),
        )
        for row in seen.links[:SHOWN]
    ]


def variants(words: Words, seen: Gathered) -> list[Line]:
    """Variants beside each other."""
    return [
        (seen.names.get(row["variant_id"], NOTHING), words.number(row["sent_count"]),
         words.number(row["delivered_count"]), words.percent(row["open_rate"]), words.percent(row["click_rate"]))
        for row in seen.variants
    ]  # fmt: skip


def providers(words: Words, seen: Gathered) -> list[Line]:
    """Mailbox providers."""
    return [
        (words.t("other providers") if row["provider"] == "other" else row["provider"], words.number(row["sent_count"]),
         words.number(row["delivered_count"]), words.number(row["deferred_count"]), words.percent(row["bounce_rate"]),
         words.percent(row["complaint_rate"], 2))
        for row in seen.providers
    ]  # fmt: skip


def bounces(words: Words, seen: Gathered) -> list[Line]:
    """Bounces by class and reason."""
    return [
        (str(row["bounce_class"]), str(row["bounce_reason"] or NOTHING).replace("_", " "),
         words.number(row["bounced_count"]))
        for row in seen.bounces[:SHOWN]
    ]  # fmt: skip
