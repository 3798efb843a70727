"""Events as rows of the lake's tables, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sillage.domain.device import device_of
from sillage.lake.event import Event
from sillage.lake.schema import EVENTS, PERSONAL

_ARROW = {
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "smallint": pa.int16(),
    "varchar": pa.string(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "uuid": pa.string(),
}
_NUL = "\x00"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the stream that it came by."""

    stream: str
    stream_seq: int
    event: Event


def events_table(entries: Sequence[Entry], first_seq: int) -> pa.Table:
    """The rows of lake.events, numbered from `first_seq`.

    Raises: ValueError, OverflowError or pyarrow.ArrowInvalid where a value does not fit its column.
    """
    columns: dict[str, list[Any]] = {
        "lake_seq": list(range(first_seq, first_seq + len(entries))),
        "event_id": [e.event.id.hex for e in entries],
        "stream": [e.stream for e in entries],
        "stream_seq": [e.stream_seq for e in entries],
        "device": [device_of(e.event.agent) for e in entries],
    }
    for name, kind in EVENTS.items():
        if name not in columns:
            columns[name] = _values(entries, name, kind)
    return _table(columns, EVENTS)


def personal_table(entries: Sequence[Entry]) -> pa.Table:
    """The rows of lake.event_personal, of those events that have anything personal."""
    personal = [e for e in entries if e.event.ip or e.event.agent or e.event.diagnostic]
    columns: dict[str, list[Any]] = {"event_id": [e.event.id.hex for e in personal]}
    for name, kind in PERSONAL.items():
        if name not in columns:
            columns[name] = _values(personal, name, kind)
    return _table(columns, PERSONAL)


def misfit(entry: Entry) -> str | None:
    """Why this event can't be a row, or None where it can."""
    try:
        events_table([entry], 1)
        personal_table([entry])
    except (ValueError, OverflowError, pa.ArrowException) as exc:
        return f"{type(exc).__name__}: {exc}"
    return None


def _values(entries: Sequence[Entry], name: str, kind: str) -> list[Any]:
    values = [getattr(e.event, name) for e in entries]
    if kind == "uuid":
        return [None if v is None else v.hex for v in values]
    if kind == "varchar":
        return [v.replace(_NUL, "") if v is not None and _NUL in v else v for v in values]
    if kind == "timestamptz" and any(v.tzinfo is None for v in values):
        raise ValueError(f"{name} has no time zone")
    return values


def _table(columns: dict[str, list[Any]], kinds: dict[str, str]) -> pa.Table:
    arrays = [pa.array(columns[name], _ARROW[kind]) for name, kind in kinds.items()]
    return pa.Table.from_arrays(arrays, names=list(kinds))
