"""The figures that the platform should have found, counted from the ledger alone.

sent: recipients whose mail was taken, refused for good, or deferred at least once. bounced: refused for good in the
session, or returned by mail and not seen alive by an open or a click of their own. delivered: taken and not bounced.
Opens and clicks are those of people, not of machines, and of those who agreed to tracking; numerators count only
recipients of their denominator; a rate over nothing is null.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from sendworker.postoffice.people import People
from sendworker.postoffice.providers import Mailboxes

UNKNOWN = "unknown"
Key = tuple[str, str]
"""Campaign and variant."""

_ANSWERED = "status BETWEEN 200 AND 299"
# A redirect is what a click is answered with; what unsubscribes is a POST or a mail that was taken.
_FACTS = f"""
SELECT DISTINCT coalesce(m.campaign, '{UNKNOWN}'), coalesce(m.variant, '{UNKNOWN}'), m.person,
  CASE
    WHEN a.kind = 'open' AND a.{_ANSWERED} THEN iif(a.is_machine, 'machine_opened', 'human_opened')
    WHEN a.kind = 'click' AND a.status BETWEEN 200 AND 399 THEN iif(a.is_machine, 'machine_clicked', 'human_clicked')
    WHEN a.kind = 'unsubscribe' AND a.{_ANSWERED} AND NOT a.is_machine THEN 'unsubscribed'
    WHEN a.kind = 'complaint' AND a.{_ANSWERED} THEN 'complained'
    WHEN a.kind = 'bounce_report' AND a.{_ANSWERED} THEN 'returned'
  END AS fact
FROM actions a JOIN messages m ON m.id = a.message
WHERE fact IS NOT NULL
"""


@dataclass(slots=True)
class _Tally:
    """The people of one variant."""

    accepted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    deferred: set[str] = field(default_factory=set)
    facts: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    messages: int = 0


def figures(conn: sqlite3.Connection, people: People, boxes: Mailboxes) -> dict[str, Any]:
    """Count everything; the shape stands in docs/post-office.md."""
    conn.execute("BEGIN")
    try:
        tallies = _tallies(conn, people)
        accepted, message_ids, recipients, duplicates = conn.execute(
            "SELECT count(*), count(DISTINCT message_id), count(DISTINCT person), count(duplicate_of) FROM messages"
        ).fetchone()
        pending = conn.execute("SELECT count(*) FROM errands").fetchone()[0]
    finally:
        conn.execute("COMMIT")
    campaigns: dict[str, Any] = {}
    for (campaign, variant), tally in sorted(tallies.items()):
        entry = campaigns.setdefault(campaign, {"accepted": 0, "variants": {}})
        entry["accepted"] += tally.messages
        entry["variants"][variant] = _count(tally, people, boxes)
    return {
        "accepted": accepted,
        "distinct_message_ids": message_ids,
        "distinct_recipients": recipients,
        "duplicates": duplicates,
        "pending_actions": pending,
        "campaigns": campaigns,
    }


def _tallies(conn: sqlite3.Connection, people: People) -> dict[Key, _Tally]:
    tallies: defaultdict[Key, _Tally] = defaultdict(_Tally)
    for campaign, variant, person in conn.execute("SELECT campaign, variant, person FROM messages"):
        tally = tallies[campaign or UNKNOWN, variant or UNKNOWN]
        tally.accepted.add(person)
        tally.messages += 1
    place = _Places(tallies, people)
    rows = conn.execute(
        "SELECT DISTINCT campaign, variant, person, reason FROM refusals WHERE reason <> 'alone'"
    ).fetchall()
    for campaign, variant, person, reason in rows:
        tally = tallies[(campaign, variant) if campaign else place.of(person)]
        (tally.refused if reason == "refused" else tally.deferred).add(person)
    for campaign, variant, person, fact in conn.execute(_FACTS):
        tallies[campaign, variant].facts[fact].add(person)
    return dict(tallies)


class _Places:
    """Where somebody belongs whose mail was refused before it could say so (at RCPT).

    The person's own mail that was taken later says it; else the label of the people file does: it is a variant's id,
    or the variant that most people of the same label got.
    """

    def __init__(self, tallies: dict[Key, _Tally], people: People) -> None:
        self._people = people
        self._by_person: dict[str, Key] = {}
        by_label: defaultdict[str, Counter[Key]] = defaultdict(Counter)
        by_variant: defaultdict[str, list[Key]] = defaultdict(list)
        for key, tally in sorted(tallies.items()):
            by_variant[key[1]].append(key)
            for person in tally.accepted:
                self._by_person[person] = key
                known = people.get(person)
                if known is not None and known.variant is not None:
                    by_label[known.variant][key] += 1
        self._by_label = {label: counts.most_common(1)[0][0] for label, counts in by_label.items()}
        self._by_variant = {variant: keys[0] for variant, keys in by_variant.items() if len(keys) == 1}

    def of(self, person: str) -> Key:
        """The campaign and variant of somebody."""
        if person in self._by_person:
            return self._by_person[person]
        known = self._people.get(person)
        label = None if known is None else known.variant
        if label is None:
            return UNKNOWN, UNKNOWN
        return self._by_variant.get(label) or self._by_label.get(label) or (UNKNOWN, label)


def _count(tally: _Tally, people: People, boxes: Mailboxes) -> dict[str, Any]:
    sent = tally.accepted | tally.refused | tally.deferred
    agreed = {person for person in sent if people.agreed(person)}
    opened, clicked = (tally.facts[fact] & agreed for fact in ("human_opened", "human_clicked"))
    returned = tally.facts["returned"] - opened - clicked
    bounced = tally.refused | returned
    delivered = tally.accepted - bounced
    measurable = delivered & agreed
    opened, clicked = opened & delivered, clicked & delivered
    unsubscribed = tally.facts["unsubscribed"] & delivered
    reporting = {person for person in delivered if boxes.provider(person).has_loop}
    complained = tally.facts["complained"] & reporting
    return {
        "sent": len(sent),
        "delivered": len(delivered),
        "bounced": len(bounced),
        "human_opened": len(opened),
        "human_clicked": len(clicked),
        "unsubscribed": len(unsubscribed),
        "complained": len(complained),
        "machine_opened": len(tally.facts["machine_opened"] & measurable),
        "machine_clicked": len(tally.facts["machine_clicked"] & measurable),
        "measurable": len(measurable),
        "open_rate": _rate(opened, measurable),
        "click_rate": _rate(clicked, delivered),
        "reactivity_rate": _rate(clicked, opened | clicked),
        "bounce_rate": _rate(bounced, sent),
        "unsubscribe_rate": _rate(unsubscribed, delivered),
        "complaint_rate": _rate(complained, reporting),
    }


def _rate(part: set[str], whole: set[str]) -> float | None:
    return len(part) / len(whole) if whole else None
