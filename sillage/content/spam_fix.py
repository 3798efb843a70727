"""Changes that a machine can make to take a point of the spam score away, without changing what the mail says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from sillage.content.spam_envelope import is_capitals


@dataclass(frozen=True, slots=True)
class Draft:
    """What a change may touch: the subject and the source (MJML or HTML), as their author wrote them."""

    subject: str
    body: str


def fix(name: str, draft: Draft) -> Draft:
    """The draft with one change made, or as it was where there is nothing to change or no such change."""
    change = _CHANGES.get(name)
    return draft if change is None else change(draft)


def can_fix(name: str | None) -> bool:
    """Whether there is a change of that name."""
    return name in _CHANGES


def _sentence(draft: Draft) -> Draft:
    # Merge fields keep their case: their names are names.
    pieces = re.split(r"(\{[{%].*?[%}]\})", draft.subject)
    if not is_capitals("".join(pieces[::2])):
        return draft
    text = "".join(piece if at % 2 else piece.lower() for at, piece in enumerate(pieces))
    return replace(draft, subject=re.sub(r"[^\W\d_]", lambda m: m.group().upper(), text, count=1))


def _calm(draft: Draft) -> Draft:
    text = re.sub(r"\s*!+(?=\s*$)", "", draft.subject)
    text = re.sub(r"\s*!+", ".", text)
    return replace(draft, subject=re.sub(r"\?[?.!]+", "?", text).strip())


def _own_subject(draft: Draft) -> Draft:
    return replace(draft, subject=re.sub(r"^(?:\s*(?:re|fwd?|aw|tr)\s*:)+\s*", "", draft.subject, flags=re.IGNORECASE))


def _without(tag: str) -> Callable[[Draft], Draft]:
    whole = re.compile(rf"<{tag}\b[^>]*>.*?</{tag}\s*>|</?{tag}\b[^>]*>", re.IGNORECASE | re.DOTALL)
    return lambda draft: replace(draft, body=whole.sub("", draft.body))


def _stopped(draft: Draft) -> Draft:
    """Moving text stands still; its words stay."""
    return replace(draft, body=re.sub(r"</?marquee\b[^>]*>", "", draft.body, flags=re.IGNORECASE))


_CHANGES: dict[str, Callable[[Draft], Draft]] = {
    "subject_case": _sentence,
    "subject_marks": _calm,
    "subject_prefix": _own_subject,
    "strip_script": _without("script"),
    "strip_object": _without("object"),
    "strip_marquee": _stopped,
}
