"""What to do, in words: from the rows of the deliverability page to sentences. Rates are compared, never computed."""

from __future__ import annotations

from typing import Any

from dashboards import terms
from dashboards.words import Words, plain

Row = dict[str, Any]
MOST = 6


def recommended(words: Words, parts: list[Row], limits: dict[str, Row]) -> list[str]:
    """The gravest first, at most six; nothing below a threshold's own minima is held against anybody."""
    found: list[tuple[float, str]] = []
    for row in parts:
        if row["period"] != "recent":
            continue
        # People whose origin nobody knows are named once, not by each of what is not known of them.
        if not row["part_value"] and row["part"] != "source":
            continue
        for metric, numerator, denominator, say in (
            ("permanent_bounce_rate", "permanent_count", "sent_count", _bounces),
            ("complaint_rate", "complained_count", "reporting_count", _complaints),
            ("unsubscribe_rate", "unsubscribed_count", "delivered_count", _unsubscribes),
        ):
            limit, rate = limits.get(metric), row[metric]
            if limit is None or limit["warn_at"] is None or rate is None or rate < limit["warn_at"]:
                continue
            if row[numerator] >= limit["min_events"] and row[denominator] >= limit["min_denominator"]:
                value = words.percent(rate, terms.digits(metric))
                found.append((rate / limit["critical_at"], say(words, row, value)))
        past = _past(parts, row)
        if row["part"] == "provider" and past and _is_below(row, past):
            found.append((0.9, words.t(
                "%(part)s takes less than before: %(now)s delivered, %(before)s before. Send it less at a time, to"
                " those who clicked lately first, and read its answers in the list below.",
                part=_name(words, row), now=words.percent(row["delivery_rate"]),
                before=words.percent(past["delivery_rate"]),
            )))  # fmt: skip
    return [text for _, text in sorted(found, key=lambda f: -f[0])[:MOST]]


def _past(parts: list[Row], row: Row) -> Row | None:
    same = [p for p in parts if (p["part"], p["part_value"]) == (row["part"], row["part_value"])]
    return next((p for p in same if p["period"] == "past"), None)


def _is_below(row: Row, past: Row) -> bool:
    high, low = row["delivery_rate_high"], past["delivery_rate_low"]
    return high is not None and low is not None and row["sent_count"] >= 200 and high < low - 0.02  # noqa: PLR2004


def _name(words: Words, row: Row) -> str:
    value = row["part_value"]
    match row["part"]:
        case "provider":
            return terms.term(words, terms.PROVIDERS, value)
        case "source":
            return words.t("source %(name)s", name=plain(value) or words.t("unknown"))
        case "import":
            return words.t("import %(name)s", name=plain(value)) if value else words.t("people of no import")
        case _:
            return words.t("people of %(month)s", month=value or words.t("unknown"))


def _bounces(words: Words, row: Row, value: str) -> str:
    return words.t(
        "%(part)s: %(value)s NPAI and hard bounces. These addresses are old or were never right: check where they come"
        " from, ask for confirmation at sign-up, and leave out who has not reacted for a long time.",
        part=_name(words, row), value=value,
    )  # fmt: skip


def _complaints(words: Words, row: Row, value: str) -> str:
    return words.t(
        "%(part)s: %(value)s complaints. These people do not know why they get your mail: say it at the top, write less"
        " often, and make the link to unsubscribe easy to see.",
        part=_name(words, row), value=value,
    )  # fmt: skip


def _unsubscribes(words: Words, row: Row, value: str) -> str:
    return words.t(
        "%(part)s: %(value)s unsubscribes. Subject or frequency is not what these people expect: divide them by"
        " interest, or write less often.",
        part=_name(words, row), value=value,
    )  # fmt: skip
