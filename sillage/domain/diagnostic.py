"""What a server said, made fit to be kept: no address in it, no control character, and not long."""

from __future__ import annotations

import re

MAX_CHARS = 500
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]+@[^\s<>()\[\]\"',;:]+")


def without_addresses(text: str) -> str:
    """The text with each e-mail address replaced by `<address>`, at most 500 characters on one line."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text[: 8 * MAX_CHARS]).split())
    return _ADDRESS.sub("<address>", flat)[:MAX_CHARS]
