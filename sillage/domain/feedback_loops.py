"""Feedback loops: which provider tells of complaints, how, and what must be in place. Data, read once."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path

LOOPS_PATH = Path(__file__).resolve().parents[2] / "data" / "feedback_loops.toml"


class LoopKind(StrEnum):
    """What a loop tells."""

    INDIVIDUAL = "individual"
    AGGREGATED = "aggregated"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Loop:
    """A feedback loop; `senders` are the domains that its reports are mailed from."""

    id: str
    name: str
    kind: LoopKind
    senders: tuple[str, ...]
    needs: str
    join: str
    source: str
    date: date


@cache
def loops() -> tuple[Loop, ...]:
    """All loops that we know, in the order of the file."""
    return tuple(
        Loop(
            table["id"],
            table["name"],
            LoopKind(table["kind"]),
            tuple(table["from"]),
            table["needs"],
            table["join"],
            table["source"],
            table["date"],
        )
        for table in tomllib.loads(LOOPS_PATH.read_text("utf-8"))["loop"]
    )


def loop_of(sender: str) -> Loop | None:
    """The individual loop that mails its reports from an address; None where we know none."""
    domain = sender.rpartition("@")[2].lower()
    return next(
        (
            loop
            for loop in loops()
            if loop.kind is LoopKind.INDIVIDUAL
            and any(domain == known or domain.endswith(f".{known}") for known in loop.senders)
        ),
        None,
    )
