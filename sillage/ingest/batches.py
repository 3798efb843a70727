"""Judged frames on their way into ops: put together, sorted, hashed and staged, while the batch before is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl

from sillage.domain.consent import NotMailable
from sillage.domain.contact import TEXT_FIELDS
from sillage.ingest.rows import Checked
from sillage.store import consent, staging
from sillage.store.database import Session
from sillage.store.staging import Shape
from sillage.tokens import derive_key

BATCH_ROWS = 40_000
SORTED_FROM = 20_000
"""Rows of a large batch go in by address: a chunk then touches few pages of the index of addresses, where in the
order of the file each row touches a page of its own. A small file keeps its order."""
SLICE_ROWS = 1_000
MAX_SOURCES = 1_000
"""A file whose every row names a source of its own has the sources in the proof of each row instead."""


@dataclass(slots=True)
class Batch:
    """Rows of some frames. `accepted` has the columns of rows.ACCEPTED."""

    accepted: pl.DataFrame
    refused: list[tuple[Any, ...]]
    read: int
    """Rows of the file that are done with this batch."""


def batches(checked: Iterator[Checked]) -> Iterator[Batch]:
    """Frames put together to batches, the same ones for the same file. A batch is in the order in which it goes in."""
    frames: list[pl.DataFrame] = []
    refused: list[tuple[Any, ...]] = []
    read = height = enough = 0
    for one in checked:
        frames.append(one.accepted)
        refused += one.refused.rows()
        height += one.accepted.height
        read += one.accepted.height + one.refused.height
        if height > enough:
            yield Batch(_in_order(frames), refused, read)
            # Nothing is written while the first batch is laid out: it is as small as may be.
            frames, refused, height, enough = [], [], 0, BATCH_ROWS
    if frames:
        yield Batch(_in_order(frames), refused, read)


def _in_order(frames: list[pl.DataFrame]) -> pl.DataFrame:
    whole = pl.concat(frames) if len(frames) > 1 else frames[0]
    return whole.sort("email", "row", nulls_last=True) if whole.height >= SORTED_FROM else whole


@dataclass(slots=True)
class Sources:
    """Where consent comes from, by number: each source that the rows name, or the file itself."""

    store: Any
    account_id: Any
    import_id: Any
    file_name: str
    started_at: Any
    wording: str = ""
    wording_version: str = ""
    declared_by: str = ""
    _known: dict[str, int] = field(default_factory=dict)

    def numbers(self, sources: pl.Series) -> tuple[pl.Series, pl.Series]:
        """For each row its origin's number, and its source where that has none of its own."""
        named = sources.unique().drop_nulls().to_list()
        new = [name for name in sorted(named) if name not in self._known]
        room = max(MAX_SOURCES - len(self._known), 0)
        if (sources.null_count() or len(new) > room) and "" not in self._known:
            self._write([""])
        self._write(new[:room])
        whole = self._known.get("")
        found = sources.replace_strict(self._known, default=None, return_dtype=pl.Int64)
        nameless = sources.set(found.is_not_null(), None)
        return found if whole is None else found.fill_null(whole), nameless

    def _write(self, names: list[str]) -> None:
        for start in range(0, len(names), 20):
            with self.store.write() as conn:
                for name in names[start : start + 20]:
                    self._known[name] = consent.origin(
                        conn,
                        self.account_id,
                        source=name or f"file {self.file_name}",
                        now=self.started_at,
                        wording=self.wording,
                        wording_version=self.wording_version,
                        declared_by=self.declared_by or None,
                        import_id=self.import_id,
                    )


@dataclass(slots=True)
class Stager:
    """Lays batches out in the temporary tables of a session."""

    secret: str
    shape: Shape
    sources: Sources | None
    """None in a dry run, which writes no line of the ledger."""
    ready: set[int] = field(default_factory=set)

    def stage(self, session: Session, batch: Batch) -> None:
        """Lay a batch out, numbered from 1."""
        with session.aside() as conn:
            if id(session) in self.ready:
                staging.clear(conn)
            else:
                staging.create(conn, self.shape)
                self.ready.add(id(session))
            staging.fill(conn, self.shape, self._slices(batch.accepted))

    def _slices(self, accepted: pl.DataFrame) -> Iterator[list[tuple[Any, ...]]]:
        # As tokens.address_hash does it, with the key derived once for all rows: a test holds the two together.
        digest = partial(hashlib.blake2b, key=derive_key(self.secret, "suppression"), digest_size=16)
        start = 0
        for part in accepted.iter_slices(SLICE_ROWS):
            yield self._values(part, start, digest)
            start += part.height

    def _values(self, part: pl.DataFrame, start: int, digest: Any) -> list[tuple[Any, ...]]:
        origin: pl.Series | None = None
        note = part["ip"]
        if self.sources is not None:
            origin, nameless = self.sources.numbers(part["source"])
            note = _notes(note, nameless)
        said = part["reason"].replace_strict(_SAID, default=None, return_dtype=pl.String)
        columns: dict[str, Any] = {
            "n": range(start + 1, start + 1 + part.height),
            "row": part["row"].to_list(),
            "email": part["email"].to_list(),
            "phone": part["phone"].to_list(),
            "provider": part["provider"].to_list(),
            "custom": part["custom"].set(part["custom"] == "{}", None).to_list(),
            "marketing": part["marketing"].to_list(),
            "at": part["at"].to_list(),
            "mailable": part["reason"].is_null().cast(pl.Int8).to_list(),
            "said": said.to_list(),
            "tracking": part["tracking"].to_list(),
            "origin": [0] * part.height if origin is None else origin.to_list(),
            "note": note.to_list(),
            **{name: part[name].to_list() for name in self.shape.fields},
        }
        for name in ("email", "phone"):
            columns[f"{name}_hash"] = [digest(text.encode()).digest() if text else None for text in columns[name]]
        return list(zip(*(columns[name] for name in self.shape.columns), strict=True))


_SAID = {NotMailable.REFUSED.value: f"{consent.SAID_NO}, ", NotMailable.UNSUBSCRIBED.value: "unsubscribed, "}


def _notes(ip: pl.Series, source: pl.Series) -> pl.Series:
    """What ends the proof of a row: the address from which it was given, and its source where that is told here."""
    if ip.null_count() == source.null_count() == len(ip):
        return ip
    parts = pl.DataFrame({"ip": ip, "source": source}).select(
        pl.concat_str(
            pl.lit("ip ") + pl.col("ip"), pl.lit("source ") + pl.col("source"), separator=", ", ignore_nulls=True
        ).alias("note")
    )["note"]
    return parts.set(parts == "", None)


def shape_of(fields: Iterable[str]) -> Shape:
    """The standard fields of text that a file has, in their usual order, and whether it has telephone numbers."""
    there = set(fields)
    return Shape(tuple(name for name in TEXT_FIELDS if name in there), has_phones="phone" in there)
