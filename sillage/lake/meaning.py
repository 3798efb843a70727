"""What each type of event means: who writes it, what it carries, what it does to the metrics.

The one table of it: `docs/events.md` is made from it (`sillage lake events`), and the dbt models follow it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sillage.lake.event import SCHEMA_VERSION, EventType


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table."""

    writer: str
    fields: tuple[str, ...]
    effect: str


_WORKER = "sendworker"
_WEB = "web"

MEANING: dict[EventType, Meaning] = {
    EventType.PLANNED: Meaning(
        "planning", ("variant_id", "contact_id", "provider", "segment_id"), "audience: one more recipient, who waits"
    ),
    EventType.ACCEPTED: Meaning(
        _WORKER,
        ("variant_id", "contact_id", "provider", "attempt", "opens_measured"),
        "sent, delivered; measurable where opens_measured; hand-over state accepted, instead of any doubt",
    ),
    EventType.DEFERRED: Meaning(
        _WORKER,
        ("variant_id", "contact_id", "provider", "attempt", "smtp_code", "status", "bounce_class", "reason"),
        "sent; numerator of the refusal rate",
    ),
    EventType.BOUNCED: Meaning(
        "sendworker (via session), sendworker.inbound (via mail)",
        ("variant_id", "contact_id", "provider", "via", "bounce_class", "reason", "status", "smtp_code", "diagnostic"),
        "via session: sent, bounced, hand-over state bounced. Via mail: sent, bounced, no longer delivered, unless a "
        "person opened or clicked (contradicted); of class unknown only with a 5.x status, that is Action: failed",
    ),
    EventType.FAILED: Meaning(
        _WORKER,
        ("variant_id", "contact_id", "provider", "attempt", "reason"),
        "hand-over state failed; sent only if attempt is above 0",
    ),
    EventType.SUPPRESSED: Meaning(
        "planning, sendworker", ("variant_id", "contact_id", "reason"), "hand-over state suppressed; not sent"
    ),
    EventType.SKIPPED: Meaning(
        "planning, sendworker", ("variant_id", "contact_id", "reason"), "hand-over state skipped; not sent"
    ),
    EventType.IN_DOUBT: Meaning(
        _WORKER,
        ("variant_id", "contact_id", "provider", "attempt", "opens_measured"),
        "sent; hand-over state in_doubt until something is known; delivered in the metrics once the recipient is "
        "heard of, bounced once the message is returned",
    ),
    EventType.OPENED: Meaning(
        _WEB,
        ("variant_id", "contact_id or none", "is_machine", "rule", "rule_version", "ip", "agent"),
        "by a person: numerator of the open rate, contradicts a bounce by mail; by a machine: shown apart; without a "
        "contact: an anonymous total. Via hygiene: no event, only the day in ops",
    ),
    EventType.CLICKED: Meaning(
        _WEB,
        ("variant_id", "contact_id or none", "link", "is_machine", "rule", "rule_version", "ip", "agent"),
        "by a person: numerator of click rate and reactivity, with or without an open, contradicts a bounce by mail; "
        "by a machine: shown apart; without a contact: an anonymous total",
    ),
    EventType.UNSUBSCRIBED: Meaning(
        "web, sendworker.inbound", ("variant_id", "contact_id", "via"), "numerator of the unsubscribe rate, once"
    ),
    EventType.COMPLAINED: Meaning(
        "sendworker.inbound",
        ("variant_id", "contact_id", "provider", "via"),
        "numerator of the complaint rate, where the provider reports each complaint",
    ),
    EventType.AUTOREPLIED: Meaning(
        "sendworker.inbound", ("variant_id", "contact_id"), "none, but a doubt is resolved: it arrived"
    ),
    EventType.CONSENTED: Meaning(_WEB, ("contact_id", "purpose", "via"), "none: the ledger of consent has it"),
    EventType.WITHDREW: Meaning(
        _WEB, ("variant_id", "contact_id", "purpose"), "none, but a doubt is resolved: it arrived"
    ),
    EventType.IMPORTED: Meaning("ingest", ("count",), "none"),
    EventType.ERASED: Meaning("erasure", ("contact_id",), "none: totals stay, the person goes"),
    EventType.SHARED: Meaning(
        _WEB,
        ("variant_id", "contact_id or none", "via: the network", "is_machine", "rule", "rule_version", "ip", "agent"),
        "by a person: shares of the campaign, each person once a network; no click",
    ),
    EventType.PAGE_VIEWED: Meaning(
        "import of site events, web",
        ("contact_id", "page", "of a public version: campaign_id, variant_id, via: the network or link, is_machine"),
        "of a public version by a person: its visits; else none",
    ),
    EventType.CONVERTED: Meaning(
        "import of site events",
        ("contact_id", "value", "campaign_id where the file names one"),
        "conversions and revenue of the campaign that it names, else of the one that the contact clicked last within "
        "the account's days before it; of nobody where there is none",
    ),
    EventType.JUDGED: Meaning(
        "collector",
        ("campaign_id of its subject", "subject_id", "is_machine", "rule", "rule_version"),
        "the newest by occurred_at replaces the verdict human or machine of the open or click that it names",
    ),
    EventType.DECIDED: Meaning(
        "the guard, a page, the command line",
        ("campaign_id", "variant_id of the winner or none", "reason: sure, hand, inconclusive", "via"),
        "none: a test of versions ended; what was held for it is released or skipped",
    ),
    EventType.ENTERED: Meaning(
        "segments", ("contact_id", "segment_id"), "none: the contact was found in the segment, and was not before"
    ),
    EventType.LEFT: Meaning(
        "segments", ("contact_id", "segment_id"), "none: the contact was in the segment, and is no more"
    ),
}


def as_markdown() -> str:
    """The table as docs/events.md."""
    lines = [
        "# Events",
        "",
        f"What can happen, schema version {SCHEMA_VERSION}. Made from `sillage/lake/meaning.py` by",
        "`sillage lake events`; do not edit it by hand.",
        "",
        "Every event has an `id` (the same facts, the same id: a replay is the same event), `account_id`,",
        "`occurred_at` and `recorded_at` (UTC); those of a message have `campaign_id`. An event with `is_test` is in",
        "no metric. The collector adds `lake_seq`, the order of arrival over all streams, and where it came from",
        "(`stream`, `stream_seq`). `ip`, `agent` and `diagnostic` lie apart, in `event_personal`.",
        "",
        "Opens, clicks and shares keep their contact only if the person agrees to it at that moment; else the",
        "collector takes the contact and all that is personal out. Of the user agent the lake keeps `device` with",
        "the event (mobile, tablet, desktop; nothing where it does not say), and the agent with what is personal.",
        "",
        "| type | who writes it | fields | effect on the metrics |",
        "|---|---|---|---|",
    ]
    for kind, meaning in MEANING.items():
        fields = ", ".join(f"`{f}`" if " " not in f else f for f in meaning.fields)
        lines.append(f"| `{kind}` | {meaning.writer} | {fields} | {meaning.effect} |")
    return "\n".join(lines) + "\n"
