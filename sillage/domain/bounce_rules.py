"""The rules by which a refusal is classified: data with a source and a date each, read once.

Three lists, the first rule that matches wins: the user's own (setting `bounce_rules`), those of single providers, and
the general ones. The id of the rule that decided goes with every verdict, so that a wrong one leads to its line.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from sillage.domain.phrases import Phrases, any_of
from sillage.errors import BadInput

_DATA = Path(__file__).resolve().parents[2] / "data"
PROVIDER_RULES_PATH = _DATA / "bounce_provider_rules.toml"
RULES_PATH = _DATA / "bounce_rules.toml"
_KEYS = {"id", "class", "reason", "words", "unless", "status", "codes", "hosts", "commands", "source", "date"}


class BounceClass(StrEnum):
    """What decides what follows for the person."""

    NPAI = "npai"
    HARD = "hard"
    SOFT = "soft"
    TRANSIENT = "transient"
    BLOCK = "block"
    UNKNOWN = "unknown"


PERMANENT = frozenset({BounceClass.NPAI, BounceClass.HARD})
"""Classes after which an address gets nothing more, unless an account's policy says otherwise."""

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
class Refusal:
    """What a server said. `text` and `host` are in lower case; `status` is empty where there is none."""

    code: int | None
    status: str
    text: str
    host: str = ""
    """The server that spoke, and the recipient's domain."""
    command: str = ""
    """The SMTP command that it answered (`DATA` at the end of the message), where that is known."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the rules: words, a status or a code, and what they mean."""

    id: str
    verdict: Verdict
    words: Phrases | None = None
    unless: Phrases | None = None
    status: re.Pattern[str] | None = None
    hosts: Phrases | None = None
    codes: frozenset[int] = frozenset()
    commands: frozenset[str] = frozenset()
    source: str = field(default="", compare=False)

    @property
    def is_of_words(self) -> bool:
        """Whether it knows the server's words: such a rule says more than one of a status or a code."""
        return self.words is not None

    def matches(self, refusal: Refusal) -> bool:
        """Whether each condition of this rule holds."""
        if self.codes and refusal.code not in self.codes:
            return False
        if self.commands and refusal.command not in self.commands:
            return False
        if self.status is not None and not self.status.fullmatch(refusal.status):
            return False
        if self.words is not None and not self.words.found_in(refusal.text):
            return False
        if self.hosts is not None and not self.hosts.found_in(refusal.host):
            return False
        return self.unless is None or not self.unless.found_in(refusal.text)


UNRECOGNISED = Verdict(BounceClass.UNKNOWN, None, None)


@cache
def built_in_rules() -> tuple[Rule, ...]:
    """The rules that came with this version of Sillage, read once."""
    return tuple(
        rule for path in (PROVIDER_RULES_PATH, RULES_PATH) for rule in parse_rules(path.read_text("utf-8"), path.name)
    )


@cache
def rules_with(own: Path | None) -> tuple[Rule, ...]:
    """The rules in order, those of the user's file first, read once. None: no such file.

    Raises: BadInput that names the file and the rule.
    """
    if own is None:
        return built_in_rules()
    try:
        text = own.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"bounce rules: {own} can't be read: {exc}", code="bad_rules") from exc
    return _without_doubles((*parse_rules(text, str(own)), *built_in_rules()))


def parse_rules(text: str, name: str = "bounce rules") -> tuple[Rule, ...]:
    """Rules from TOML: `[[rule]]` tables with `id`, `class`, `reason`, `source`, `date` and at least one condition.

    Raises: BadInput that names the file and the rule.
    """
    try:
        tables = tomllib.loads(text).get("rule", ())
    except tomllib.TOMLDecodeError as exc:
        raise BadInput(f"{name}: this is no TOML: {exc}", code="bad_rules") from exc
    return _without_doubles(tuple(_rule(table, name) for table in tables), name)


def _without_doubles(rules: tuple[Rule, ...], name: str = "bounce rules") -> tuple[Rule, ...]:
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise BadInput(f"{name}: two rules have the id {rule.id}", code="bad_rules", field="id")
        seen.add(rule.id)
    return rules


def _rule(table: dict[str, Any], file: str) -> Rule:
    name = f"{file}, rule {table.get('id', '?')}"
    for key in ("id", "class", "source", "date"):
        if not table.get(key):
            raise BadInput(f"{name}: `{key}` is missing", code="bad_rules", field=key)
    if unknown := set(table) - _KEYS:
        raise BadInput(f"{name}: `{min(unknown)}` is none of {', '.join(sorted(_KEYS))}", code="bad_rules")
    if table["class"] not in set(BounceClass):
        raise BadInput(f"{name}: class is one of {', '.join(BounceClass)}", code="bad_rules", field="class")
    bounce_class, reason = BounceClass(table["class"]), table.get("reason")
    if reason is not None and reason not in REASONS[bounce_class]:
        raise BadInput(f"{name}: {reason} is no reason of {bounce_class}", code="bad_rules", field="reason")
    try:
        rule = Rule(
            id=table["id"],
            verdict=Verdict(bounce_class, reason, table["id"]),
            words=_phrases(table, "words"),
            unless=_phrases(table, "unless"),
            hosts=_phrases(table, "hosts"),
            status=re.compile("|".join(f"(?:{one})" for one in table["status"])) if table.get("status") else None,
            codes=frozenset(table.get("codes", ())),
            commands=frozenset(table.get("commands", ())),
            source=table["source"],
        )
    except (re.error, TypeError) as exc:
        raise BadInput(f"{name}: a pattern can't be read: {exc}", code="bad_rules") from exc
    if rule.words is None and rule.status is None and not rule.codes:
        raise BadInput(f"{name} has no condition", code="bad_rules")
    return rule


def _phrases(table: dict[str, Any], key: str) -> Phrases | None:
    return any_of(table[key]) if table.get(key) else None
