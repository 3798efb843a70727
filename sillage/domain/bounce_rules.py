"""The rules by which a refusal is classified: data with a source and a date each, read once."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from sillage.errors import BadInput

RULES_PATH = Path(__file__).resolve().parents[2] / "data" / "bounce_rules.toml"


class BounceClass(StrEnum):
    """What decides what follows for the person."""

    NPAI = "npai"
    HARD = "hard"
    SOFT = "soft"
    TRANSIENT = "transient"
    BLOCK = "block"
    UNKNOWN = "unknown"


PERMANENT = frozenset({BounceClass.NPAI, BounceClass.HARD})
"""Classes after which an address gets nothing more."""

REASONS: dict[BounceClass, frozenset[str]] = {
    BounceClass.NPAI: frozenset({"unknown_user", "moved"}),
    BounceClass.HARD: frozenset({"invalid_address", "invalid_domain", "host_accepts_no_mail"}),
    BounceClass.SOFT: frozenset({"mailbox_full", "account_disabled", "message_too_big", "system_full"}),
    BounceClass.TRANSIENT: frozenset({"expired", "network", "system", "mailer", "tls", "rate_limited", "greylisted"}),
    BounceClass.BLOCK: frozenset(
        {"spam", "policy", "reputation", "authentication", "content", "relay_denied", "protocol", "filtered"}
    ),
    BounceClass.UNKNOWN: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The class and reason of a refusal, and the rule that says so (None: no rule knows it)."""

    bounce_class: BounceClass
    reason: str | None
    rule: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the rules: words, a status or a code, and what they mean."""

    id: str
    verdict: Verdict
    words: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    status: re.Pattern[str] | None = None
    codes: frozenset[int] = frozenset()

    def matches(self, code: int | None, status: str, text: str) -> bool:
        """Whether each condition of this rule holds."""
        if self.codes and code not in self.codes:
            return False
        if self.status is not None and not self.status.fullmatch(status):
            return False
        if self.words is not None and not self.words.search(text):
            return False
        return self.unless is None or not self.unless.search(text)


UNRECOGNISED = Verdict(BounceClass.UNKNOWN, None, None)


@cache
def current_rules() -> tuple[Rule, ...]:
    """The rules that came with this version of Sillage, read once."""
    return parse_rules(RULES_PATH.read_text("utf-8"))


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Rules from TOML: `[[rule]]` tables with `id`, `class`, `reason`, `source`, `date` and at least one condition.

    Raises: BadInput that names the rule.
    """
    rules = tuple(_rule(table) for table in tomllib.loads(text).get("rule", ()))
    if len({rule.id for rule in rules}) != len(rules):
        raise BadInput("bounce rules: two rules have one id", code="bad_rules")
    return rules


def _rule(table: dict[str, Any]) -> Rule:
    name = str(table.get("id", "?"))
    for key in ("id", "class", "source", "date"):
        if not table.get(key):
            raise BadInput(f"bounce rule {name}: `{key}` is missing", code="bad_rules", field=key)
    bounce_class, reason = BounceClass(table["class"]), table.get("reason")
    if reason is not None and reason not in REASONS[bounce_class]:
        raise BadInput(f"bounce rule {name}: {reason} is no reason of {bounce_class}", code="bad_rules", field="reason")
    rule = Rule(
        id=name,
        verdict=Verdict(bounce_class, reason, name),
        words=_any_of(table.get("words")),
        unless=_any_of(table.get("unless")),
        status=_any_of(table.get("status")),
        codes=frozenset(table.get("codes", ())),
    )
    if rule.words is None and rule.status is None and not rule.codes:
        raise BadInput(f"bounce rule {name} has no condition", code="bad_rules")
    return rule


def _any_of(patterns: list[str] | None) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE) if patterns else None
