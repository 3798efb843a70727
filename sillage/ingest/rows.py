"""Rows of a file, judged: which are accepted and what each says, which are refused and why."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl

from sillage.domain.contact import TEXT_FIELDS, AddressFault
from sillage.domain.field import FieldType
from sillage.domain.provider import OTHER, by_domain
from sillage.ingest.address import parse_addresses, parse_phones
from sillage.ingest.custom import CustomCells, clean
from sillage.ingest.dates import DateOrder, parse_dates
from sillage.ingest.mapping import ColumnMap
from sillage.ingest.options import Wins
from sillage.ingest.permission import ConsentRules, judge
from sillage.ingest.table import EXCESS, ROW, cell
from sillage.ingest.workbook import ERRORS

MAX_CELL_BYTES = 64 << 10
SHOWN_CHARACTERS = 200

TOO_MANY_CELLS = "too_many_cells"
CELL_TOO_LARGE = "cell_too_large"
DUPLICATE = "duplicate_in_file"

_CONTROLS = r"[\p{Cc}\p{Zl}\p{Zp}]+"
_HASH_SEED = 20_261_124
LAID_DOWN_FROM = 1_000_000
"""A run of so many hashes (8 MB) goes to a file: to read it again for each frame takes 3 ms, and ten million rows take
no more memory than one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What decides how cells are read."""

    columns: ColumnMap
    orders: dict[str, DateOrder]
    """Field → order of its dates."""
    consent: ConsentRules
    region: str | None
    """Where phone numbers without a country code are from, as FR."""
    numeric: frozenset[int] = frozenset()
    types: Mapping[int, FieldType] = field(default_factory=dict)
    """Custom column → type; others are text."""
    wins: Wins = Wins.FIRST
    """Which of two rows with one address is taken."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A frame, judged. `accepted` has the columns of ACCEPTED; `refused` has row, reason, value."""

    accepted: pl.DataFrame
    refused: pl.DataFrame


ACCEPTED = (
    ROW, "email", "shown", "provider", "phone", *TEXT_FIELDS, "custom",
    "marketing", "at", "reason", "tracking", "source", "ip",
)  # fmt: skip


class _Seen:
    """Keys that came before, as sorted hashes of 8 bytes, of which memory holds those that came last.

    Two of a million keys have the same hash once in 37 million files.
    """

    def __init__(self) -> None:
        # Runs that halve in length, merged as they grow equal: sorting all keys for each frame would be quadratic.
        self._runs: list[npt.NDArray[np.uint64]] = []
        self._laid_down: list[BinaryIO] = []

    def first(self, keys: pl.Series) -> pl.Series:
        """Whether each key comes for the first time (null counts as first)."""
        if keys.null_count() == len(keys):
            return pl.Series([True] * len(keys), dtype=pl.Boolean)
        hashes = keys.hash(_HASH_SEED).to_numpy()
        known = np.zeros(len(hashes), dtype=bool)
        for run in self._all_runs():
            before = np.searchsorted(run, hashes)
            before[before == len(run)] = 0
            known |= run[before] == hashes
        return (keys.is_first_distinct() & ~pl.Series(known)) | keys.is_null()

    def add(self, keys: pl.Series) -> None:
        """Remember keys."""
        new = np.sort(keys.drop_nulls().hash(_HASH_SEED).to_numpy())
        while self._runs and len(self._runs[-1]) <= 2 * len(new):
            new = np.sort(np.concatenate([self._runs.pop(), new]), kind="stable")
        if len(new) >= LAID_DOWN_FROM:
            file = tempfile.TemporaryFile(prefix="sillage-import-")  # noqa: SIM115  # it lives as long as this does
            weakref.finalize(self, file.close)
            new.tofile(file)
            self._laid_down.append(file)
        elif len(new):
            self._runs.append(new)

    def _all_runs(self) -> Iterator[npt.NDArray[np.uint64]]:
        yield from self._runs
        for file in self._laid_down:
            file.seek(0)
            yield np.fromfile(file, dtype=np.uint64)


class _Last:
    """For keys that come more than once: the row where each comes last."""

    def __init__(self) -> None:
        self._hashes: list[npt.NDArray[np.uint64]] = []
        self._rows: list[npt.NDArray[np.int64]] = []
        self._again: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._at: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def note(self, keys: pl.Series, rows: pl.Series) -> None:
        """Look at the keys of a frame."""
        is_key = keys.is_not_null()
        self._hashes.append(keys.filter(is_key).hash(_HASH_SEED).to_numpy())
        self._rows.append(rows.filter(is_key).to_numpy())

    def close(self) -> None:
        """All frames were looked at: keep the keys that came again."""
        if not self._hashes:
            return
        hashes, rows = np.concatenate(self._hashes), np.concatenate(self._rows)
        self._hashes, self._rows = [], []
        if not len(hashes):
            return
        order = np.lexsort((rows, hashes))
        hashes, rows = hashes[order], rows[order]
        same = hashes[1:] == hashes[:-1]
        is_again = np.concatenate([same, [False]]) | np.concatenate([[False], same])
        is_last = np.concatenate([~same, [True]])
        self._again, self._at = hashes[is_again & is_last], rows[is_again & is_last]

    def is_kept(self, keys: pl.Series, rows: pl.Series) -> pl.Series:
        """Whether each row is the last with its key."""
        if not len(self._again):
            return pl.Series([True] * len(keys), dtype=pl.Boolean)
        hashes = keys.hash(_HASH_SEED).to_numpy()
        place = np.searchsorted(self._again, hashes)
        place[place == len(self._again)] = 0
        is_earlier = (self._again[place] == hashes) & (self._at[place] != rows.to_numpy())
        return keys.is_null() | ~pl.Series(is_earlier)


@dataclass(slots=True)
class Judge:
    """Judges the frames of one file, in their order: of two rows with one address the first wins, or the last."""

    reading: Reading
    warnings: set[str] = field(default_factory=set)
    _emails: _Seen = field(default_factory=_Seen)
    _phones: _Seen = field(default_factory=_Seen)
    _last_emails: _Last = field(default_factory=_Last)
    _last_phones: _Last = field(default_factory=_Last)
    _custom: CustomCells | None = None

    @property
    def custom(self) -> CustomCells:
        """The reader of custom fields, which knows what it saw."""
        if self._custom is None:
            reading = self.reading
            self._custom = CustomCells(
                reading.columns, reading.numeric, reading.types, reading.orders, reading.consent.now.year
            )
        return self._custom

    def look_ahead(self, frames: Iterator[pl.DataFrame]) -> None:
        """Where the last of two rows wins: learn from all frames which one that is. Call it before the first check."""
        if self.reading.wins is Wins.FIRST:
            return
        for frame in frames:
            state, reason, _ = self._looked_at(without_blank_rows(frame))
            is_good = reason.is_null()
            email = state["email"].set(~is_good, None)
            self._last_emails.note(email, state[ROW])
            self._last_phones.note(state["phone"].set(~is_good | email.is_not_null(), None), state[ROW])
        self._last_emails.close()
        self._last_phones.close()

    def check(self, frame: pl.DataFrame) -> Checked:
        """Judge one frame."""
        frame = without_blank_rows(frame)
        state, reason, said = self._looked_at(frame)
        reason = self._refuse_duplicates(state, reason)
        is_good = reason.is_null()
        value = pl.coalesce(said, _column(frame, self.reading.columns, "phone"))
        refused = pl.DataFrame({ROW: frame[ROW], "reason": reason}).with_columns(
            value.str.slice(0, SHOWN_CHARACTERS).fill_null("").alias("value")
        ).filter(~is_good)  # fmt: skip
        if is_good.all():
            return Checked(self._understood(frame, state), refused)
        return Checked(self._understood(frame.filter(is_good), state.filter(is_good)), refused)

    def _looked_at(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series, pl.Series]:
        """Addresses and numbers of each row, why it is refused (null where it is not), and what its address cell says.

        Duplicates are not looked for here.
        """
        columns = self.reading.columns
        said = _column(frame, columns, "email")
        addresses = parse_addresses(said)
        phones = parse_phones(_column(frame, columns, "phone"), self.reading.region)
        state = frame.select(ROW, EXCESS).with_columns(
            addresses["email"], addresses["shown"], addresses["domain"], addresses["fault"], *phones.get_columns()
        )
        too_large = pl.Series(
            frame.select(pl.any_horizontal(pl.exclude(ROW, EXCESS).str.len_bytes() > MAX_CELL_BYTES)).to_series()
        ).fill_null(value=False)
        reason = state.select(
            pl.when(EXCESS).then(pl.lit(TOO_MANY_CELLS))
            .when(too_large).then(pl.lit(CELL_TOO_LARGE))
            .when(pl.col("fault").is_not_null()).then("fault")
            .when(pl.col("email").is_null() & pl.col("is_wrong")).then(pl.lit(AddressFault.INVALID_PHONE.value))
            .when(pl.col("email").is_null() & pl.col("phone").is_null()).then(pl.lit(AddressFault.EMPTY.value))
            .alias("reason")
        )["reason"]  # fmt: skip
        return state, reason, said

    def _refuse_duplicates(self, state: pl.DataFrame, reason: pl.Series) -> pl.Series:
        good = reason.is_null()
        emails = state["email"].set(~good, None)
        by_phone = state["phone"].set(~good | state["email"].is_not_null(), None)
        is_kept = self._last_emails.is_kept(emails, state[ROW]) & self._last_phones.is_kept(by_phone, state[ROW])
        emails, by_phone = emails.set(~is_kept, None), by_phone.set(~is_kept, None)
        is_first = self._emails.first(emails)
        is_first &= self._phones.first(by_phone) | by_phone.is_null()
        self._emails.add(emails.filter(is_first))
        return reason.set(good & ~(is_first & is_kept), DUPLICATE)

    def _understood(self, frame: pl.DataFrame, state: pl.DataFrame) -> pl.DataFrame:
        columns = self.reading.columns
        phone = state["phone"]
        if state["is_wrong"].any():
            self.warnings.add("invalid_phone")
        is_own = self._phones.first(phone)
        if not is_own.all():
            self.warnings.add("shared_phone")
            phone = phone.set(~is_own, None)
        self._phones.add(phone)
        frame = self._without_errors(frame)
        texts = [self._text(frame, name) for name in TEXT_FIELDS]
        return pl.DataFrame(
            [
                frame[ROW],
                state["email"],
                state["shown"],
                state["domain"].replace_strict(by_domain(), default=OTHER, return_dtype=pl.String).alias("provider"),
                phone,
                *texts,
                self._custom_of(frame),
                *judge(frame, columns, self.reading.consent, self.reading.orders).get_columns(),
            ]
        ).select(ACCEPTED)

    def _custom_of(self, frame: pl.DataFrame) -> pl.Series:
        custom = self.custom.read(frame)
        if self.custom.invalid:
            self.warnings.add("invalid_value")
        return custom

    def _without_errors(self, frame: pl.DataFrame) -> pl.DataFrame:
        is_error = pl.exclude(ROW, EXCESS).is_in(ERRORS)
        if not frame.select(pl.any_horizontal(is_error).any()).item():
            return frame
        self.warnings.add("error_cell")
        return frame.with_columns(pl.when(is_error).then(None).otherwise(pl.exclude(ROW, EXCESS)).name.keep())

    def _text(self, frame: pl.DataFrame, name: str) -> pl.Series:
        cells = _column(frame, self.reading.columns, name)
        if cells.null_count() == len(cells):
            return cells
        if name == "birthday":
            order = self.reading.orders.get(name, DateOrder.DMY)
            read = parse_dates(cells, order, self.reading.consent.now.year)
            if (read.is_null() & cells.is_not_null() & (cells.str.strip_chars() != "")).any():
                self.warnings.add("invalid_birthday")
            return read.alias(name)
        return clean(cells.str.replace_all(_CONTROLS, " ")).alias(name)


def _column(frame: pl.DataFrame, columns: ColumnMap, name: str) -> pl.Series:
    number = columns.column(name)
    if number is None:
        return pl.Series(name, [None] * frame.height, dtype=pl.String)
    return frame[cell(number)].alias(name)


def without_blank_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows in which something is written."""
    cells = pl.exclude(ROW, EXCESS)
    is_blank = pl.all_horizontal(cells.is_null() | (cells.str.strip_chars() == ""))
    return frame.filter(pl.col(EXCESS) | ~is_blank)
