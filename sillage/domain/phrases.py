"""Many regular expressions on one text, fast: each is tried only where a literal that it needs stands in the text.

Python's `re` tries an alternation of a hundred phrases at every position, and loses its own literal search where case
is ignored. Asking `literal in text` first (memchr) leaves a few phrases to try, so a refusal costs microseconds.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_SHORTEST_LITERAL = 2


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A pattern, and literals of which one must stand in a text that it matches (none: it is always tried)."""

    pattern: re.Pattern[str]
    literals: tuple[str, ...]

    def may_match(self, text: str) -> bool:
        return not self.literals or any(literal in text for literal in self.literals)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Any of several patterns, without regard to case. Texts are given in lower case (`lowered`)."""

    phrases: tuple[_Phrase, ...]

    def found_in(self, text: str) -> bool:
        """Whether one of them stands in a text."""
        return any(phrase.may_match(text) and phrase.pattern.search(text) for phrase in self.phrases)

    def matches_in(self, text: str) -> Iterator[re.Match[str]]:
        """Where they stand, in order of the text."""
        found = (m for phrase in self.phrases if phrase.may_match(text) for m in phrase.pattern.finditer(text))
        return iter(sorted(found, key=lambda match: match.span()))

    def begins(self, text: str) -> bool:
        """Whether a text begins with one of them."""
        return any(phrase.may_match(text) and phrase.pattern.match(text) for phrase in self.phrases)


def lowered(text: str) -> str:
    """A text in lower case and of the same length, so that a place in it is a place in the original."""
    small = text.lower()
    return small if len(small) == len(text) else "".join(low if len(low := c.lower()) == 1 else c for c in text)


def any_of(patterns: Iterable[str], frame: str = "{}") -> Phrases:
    """Patterns to be looked for together, each within a frame (`^(?:{})$`).

    Raises: re.error for what is no pattern.
    """
    return Phrases(tuple(_phrase(frame.format(pattern)) for pattern in patterns))


def _phrase(pattern: str) -> _Phrase:
    compiled = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    return _Phrase(compiled, tuple(sorted(_needed(pattern))))


def _needed(pattern: str) -> frozenset[str]:
    """Literals (lower case) one of which every match holds; empty where that can't be told."""
    try:
        # The parser of `re` itself: private in name, and the one reading of a pattern that can't disagree with it.
        parser = importlib.import_module("re._parser")
        return _of_sequence(parser.parse(pattern, re.IGNORECASE | re.MULTILINE))
    except (ImportError, AttributeError):
        return frozenset()


def _of_sequence(items: Any) -> frozenset[str]:
    """The best of what the items of a sequence need: the longest shortest literal."""
    options: list[frozenset[str]] = []
    run = ""
    for operation, argument in [*items, (None, None)]:
        if str(operation) == "LITERAL":
            run += chr(argument).lower()
            continue
        if run:
            options.append(frozenset({run}))
            run = ""
        options.append(_of_item(str(operation), argument))
    usable = [option for option in options if option and min(map(len, option)) >= _SHORTEST_LITERAL]
    return max(usable, key=lambda option: (min(map(len, option)), -len(option)), default=frozenset())


def _of_item(operation: str, argument: Any) -> frozenset[str]:
    match operation:
        case "SUBPATTERN":
            return _of_sequence(argument[-1])
        case "BRANCH":
            branches = [_of_sequence(branch) for branch in argument[1]]
            return frozenset().union(*branches) if all(branches) else frozenset()
        case "MAX_REPEAT" | "MIN_REPEAT" if argument[0] >= 1:
            return _of_sequence(argument[2])
        case _:
            return frozenset()
