"""Many regular expressions on one text, fast: each is tried only where a literal that it needs stands in the text.

Python's `re` tries an alternation of a hundred phrases at every position, and loses its own literal search where case
is ignored. Asking `literal in text` first (memchr) leaves a few phrases to try, so a refusal costs microseconds.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_SHORTEST_LITERAL = 2


@dataclass(frozen=True, slots=True)
class Phrases:
    """Any of several patterns, without regard to case. Texts are given in lower case (`lowered`).

    Each stands with literals of which one must be in a text that it matches (none: it is always tried).
    """

    phrases: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]

    def found_in(self, text: str) -> bool:
        """Whether one of them stands in a text."""
        # Plain loops: this runs some hundred times for each mail.
        for literals, pattern in self.phrases:
            for literal in literals:
                if literal in text:
                    break
            else:
                if literals:
                    continue
            if pattern.search(text):
                return True
        return False

    def matches_in(self, text: str) -> list[re.Match[str]]:
        """Where they stand, in order of the text."""
        found = [match for pattern in self._possible_in(text) for match in pattern.finditer(text)]
        return sorted(found, key=lambda match: match.span())

    def first_in(self, text: str, position: int = 0) -> int | None:
        """Where the first of them begins, at or behind a position; None where there is none."""
        found = (pattern.search(text, position) for pattern in self._possible_in(text))
        return min((match.start() for match in found if match), default=None)

    def begins(self, text: str) -> bool:
        """Whether a text begins with one of them."""
        return any(pattern.match(text) for pattern in self._possible_in(text))

    def _possible_in(self, text: str) -> list[re.Pattern[str]]:
        return [
            pattern
            for literals, pattern in self.phrases
            if not literals or any(literal in text for literal in literals)
        ]


def lowered(text: str) -> str:
    """A text in lower case and of the same length, so that a place in it is a place in the original."""
    small = text.lower()
    return small if len(small) == len(text) else "".join(low if len(low := c.lower()) == 1 else c for c in text)


def any_of(patterns: Iterable[str], frame: str = "{}") -> Phrases:
    """Patterns to be looked for together, each within a frame (`^(?:{})$`).

    Raises: re.error for what is no pattern.
    """
    return Phrases(tuple(_phrase(frame.format(pattern)) for pattern in patterns))


def _phrase(pattern: str) -> tuple[tuple[str, ...], re.Pattern[str]]:
    return tuple(sorted(_needed(pattern))), re.compile(pattern, re.IGNORECASE | re.MULTILINE)


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
