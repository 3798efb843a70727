"""What the pages say; here, what somebody else wrote is kept from meaning anything to markdown."""

from __future__ import annotations

import re

from sillage.words import EN_DASH, NOTHING, THIN_SPACE, Words

__all__ = ["EN_DASH", "NOTHING", "THIN_SPACE", "Words", "plain"]

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&@])")
_LONGEST_NAME = 200


def plain(text: str) -> str:
    """Somebody else's text for a markdown element: every sign means itself; no picture, icon or markup comes of it."""
    shown = " ".join(text.split())
    shown = shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + "…"
    return _MARKDOWN.sub(r"\\\1", shown)
