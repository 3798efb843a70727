"""How spam filters are likely to see a mail: a score with its parts, each with an advice.

The scale is SpamAssassin's: lower is better, 5 is spam. Every part is a rule with a reason; nothing is learnt from a
corpus, so that each point can be explained to the person who wrote the mail, and be taken away by a change.
Points, advices and sources stand in data/spam_rules.toml (form) and data/spam_phrases.toml (words).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sillage.content import spam_body, spam_envelope
from sillage.content.letter import Letter
from sillage.content.spam_signs import Sign

SPAM = 5.0
_DATA = Path(__file__).parents[2] / "data"
# A phrase in a mail of this many words has its full weight; in a longer one less, down to the floor: one word says
# less of a newsletter of 2,000 words than of a note of 50.
_FULL_WEIGHT_WORDS = 450
_LEAST_WEIGHT = 0.3
_MAX_TEXT = 200_000
_CHECKS = (spam_envelope.signs, spam_body.signs)


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of a score: the rule, its points, what was seen, and an advice (a message of the catalogue).

    `fix` names a change that a machine can make (see `spam_fix`), where there is one.
    """

    rule: str
    points: float
    advice: str
    found: tuple[str, ...] = ()
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class SpamScore:
    """The sum and its parts, the heaviest first."""

    score: float
    findings: tuple[Finding, ...]

    @property
    def is_spam(self) -> bool:
        """Whether a filter at its default would put it aside."""
        return self.score >= SPAM


@dataclass(frozen=True, slots=True)
class _Rule:
    points: float
    strong: float
    advice: str
    fix: str | None


@dataclass(frozen=True, slots=True)
class _Group:
    id: str
    points: float
    more: float
    most: float
    subject: float
    phrases: tuple[re.Pattern[str], ...]
    advice: str


def score(letter: Letter) -> SpamScore:
    """What words and form of a letter add up to. Never raises, whatever the letter."""
    found = [*_words(letter), *(_finding(sign) for check in _CHECKS for sign in check(letter))]
    parts = tuple(sorted(found, key=lambda f: (-f.points, f.rule)))
    return SpamScore(round(sum(f.points for f in parts), 1), parts)


def advices() -> frozenset[str]:
    """Every advice that may be given, in the words of the catalogue."""
    return frozenset(g.advice for g in _groups()) | frozenset(r.advice for r in _rules().values())


def _finding(sign: Sign) -> Finding:
    rule = _rules()[sign.rule]
    return Finding(sign.rule, rule.strong if sign.is_strong else rule.points, rule.advice, sign.found, rule.fix)


def _words(letter: Letter) -> Iterable[Finding]:
    body, subject = _folded(letter.words), _folded(letter.subject)
    weight = min(1.0, max(_LEAST_WEIGHT, _FULL_WEIGHT_WORDS / max(len(body.split()), 1)))
    for group in _groups():
        seen: list[str] = []
        points = 0.0
        for phrase in group.phrases:
            above = phrase.search(subject)
            hit = above or phrase.search(body)
            if hit is None:
                continue
            points += (group.more if seen else group.points) * (group.subject if above else weight)
            seen.append(hit.group())
        if seen:
            yield Finding(f"words.{group.id}", round(min(points, group.most), 2), group.advice, tuple(seen))


def _folded(text: str) -> str:
    return " ".join(text[:_MAX_TEXT].lower().replace("\u2019", "'").split())


def _load(name: str) -> dict[str, Any]:
    with (_DATA / name).open("rb") as file:
        return tomllib.load(file)


@cache
def _rules() -> dict[str, _Rule]:
    found = _load("spam_rules.toml")["rule"]
    return {
        name: _Rule(rule["points"], rule.get("strong", rule["points"]), rule["advice"], rule.get("fix"))
        for name, rule in found.items()
    }


@cache
def _groups() -> tuple[_Group, ...]:
    return tuple(
        _Group(
            g["id"], g["points"], g["more"], g["most"], g.get("subject", 1.2),
            tuple(re.compile(rf"(?<!\w)(?:{phrase})(?!\w)") for phrase in g["phrases"]), g["advice"],
        )
        for g in _load("spam_phrases.toml")["group"]
    )  # fmt: skip
