"""Log lines of the post office: one JSON object each on standard error, ids and counts, never an address."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any


def log(event: str, *, level: str = "info", **facts: Any) -> None:
    """Write one line."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"timestamp": stamp, "level": level, "event": event, **facts}, ensure_ascii=False, default=str)
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Seldom:
    """Lets a thing be said once a second, and says how often it was kept back."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._next = 0.0
        self._kept_back = 0

    def log(self, event: str, *, level: str = "info", **facts: Any) -> None:
        """Write the line, or count it."""
        now = time.monotonic()
        if now < self._next:
            self._kept_back += 1
            return
        more = {"kept_back": self._kept_back} if self._kept_back else {}
        self._next, self._kept_back = now + self._seconds, 0
        log(event, level=level, **facts, **more)
