"""Rows of a file, judged: which are accepted and what each says, which are refused and why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from sillage.domain.contact import TEXT_FIELDS, AddressFault
from sillage.domain.provider import OTHER, by_domain
from sillage.ingest.address import parse_addresses, parse_phones
from sillage.ingest.dates import DateOrder, parse_dates
from sillage.ingest.mapping import ColumnMap
from sillage.ingest.permission import ConsentRules, judge
from sillage.ingest.table import EXCESS, ROW, cell
from sillage.ingest.workbook import ERRORS

MAX_CELL_BYTES = 64 << 10
SHOWN_CHARACTERS = 200

TOO_MANY_CELLS = "too_many_cells"
CELL_TOO_LARGE = "cell_too_large"
DUPLICATE = "duplicate_in_file"

_CONTROLS = r"[\p{Cc}\p{Zl}\p{Zp}]+"
_CONTROLS_IN_TEXT = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+"
_HASH_SEED = 20_261_124


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
    """Keys that came before, as sorted hashes of 8 bytes: a file of any length fits.

    Two of a million keys have the same hash once in 37 million files.
    """

    def __init__(self) -> None:
        self._hashes: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    def first(self, keys: pl.Series) -> pl.Series:
        """Whether each key comes for the first time (null counts as first)."""
        hashes = keys.hash(_HASH_SEED).to_numpy()
        before = np.searchsorted(self._hashes, hashes)
        known = np.zeros(len(hashes), dtype=bool)
        inside = before < len(self._hashes)
        known[inside] = self._hashes[before[inside]] == hashes[inside]
        return (keys.is_first_distinct() & ~pl.Series(known)) | keys.is_null()

    def add(self, keys: pl.Series) -> None:
        """Remember keys."""
        self._hashes = np.sort(
            np.concatenate([self._hashes, keys.drop_nulls().hash(_HASH_SEED).to_numpy()]), kind="stable"
        )


@dataclass(slots=True)
class Judge:
    """Judges the frames of one file, in their order: of two rows with one address the first wins."""

    reading: Reading
    warnings: set[str] = field(default_factory=set)
    _emails: _Seen = field(default_factory=_Seen)
    _phones: _Seen = field(default_factory=_Seen)

    def check(self, frame: pl.DataFrame) -> Checked:
        """Judge one frame."""
        frame = without_blank_rows(frame)
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
        reason = self._refuse_duplicates(state, reason)
        is_good = reason.is_null()
        value = pl.coalesce(said, _column(frame, columns, "phone")).str.slice(0, SHOWN_CHARACTERS).fill_null("")
        refused = pl.DataFrame({ROW: frame[ROW], "reason": reason}).with_columns(value.alias("value")).filter(~is_good)
        return Checked(self._understood(frame.filter(is_good), state.filter(is_good)), refused)

    def _refuse_duplicates(self, state: pl.DataFrame, reason: pl.Series) -> pl.Series:
        good = reason.is_null()
        emails = state["email"].set(~good, None)
        is_first = self._emails.first(emails)
        by_phone = state["phone"].set(~good | state["email"].is_not_null(), None)
        is_first &= self._phones.first(by_phone) | by_phone.is_null()
        self._emails.add(emails.filter(is_first))
        return reason.set(good & ~is_first, DUPLICATE)

    def _understood(self, frame: pl.DataFrame, state: pl.DataFrame) -> pl.DataFrame:
        columns, numeric = self.reading.columns, self.reading.numeric
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
                _custom(frame, columns, numeric),
                *judge(frame, columns, self.reading.consent, self.reading.orders).get_columns(),
            ]
        ).select(ACCEPTED)

    def _without_errors(self, frame: pl.DataFrame) -> pl.DataFrame:
        is_error = pl.exclude(ROW, EXCESS).is_in(ERRORS)
        if not frame.select(pl.any_horizontal(is_error).any()).item():
            return frame
        self.warnings.add("error_cell")
        return frame.with_columns(pl.when(is_error).then(None).otherwise(pl.exclude(ROW, EXCESS)).name.keep())

    def _text(self, frame: pl.DataFrame, name: str) -> pl.Series:
        cells = _column(frame, self.reading.columns, name)
        if name == "birthday":
            order = self.reading.orders.get(name, DateOrder.DMY)
            read = parse_dates(cells, order, self.reading.consent.now.year)
            if (read.is_null() & cells.is_not_null() & (cells.str.strip_chars() != "")).any():
                self.warnings.add("invalid_birthday")
            return read.alias(name)
        return _clean(cells.str.replace_all(_CONTROLS, " ")).alias(name)


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


def _clean(text: pl.Series) -> pl.Series:
    text = text.str.strip_chars()
    if text.str.len_bytes().sum() != text.str.len_chars().sum():
        text = text.str.normalize("NFC")
    return text.set(text == "", None)


def _custom(frame: pl.DataFrame, columns: ColumnMap, numeric: frozenset[int]) -> pl.Series:
    """The custom fields of each row as a JSON object, empty cells left out."""
    parts: list[pl.Series] = []
    for number in columns.custom:
        key = json.dumps(columns.names[number], ensure_ascii=False)
        value = frame[cell(number)]
        if number in numeric:
            value = value.set(value == "", None)
            parts.append(pl.select(pl.lit(f"{key}:") + value).to_series())
            continue
        value = _clean(value.str.replace_all(_CONTROLS_IN_TEXT, " "))
        if value.str.contains(r'["\\\n\t]').any():
            for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
                value = value.str.replace_all(plain, escaped, literal=True)
        parts.append(pl.select(pl.lit(f'{key}:"') + value + pl.lit('"')).to_series())
    if not parts:
        return pl.Series("custom", ["{}"] * frame.height, dtype=pl.String)
    joined = pl.select(pl.concat_str(parts, separator=",", ignore_nulls=True)).to_series()
    return pl.select(pl.lit("{") + joined + pl.lit("}")).to_series().alias("custom")
