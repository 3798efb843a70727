"""Custom fields: the cells of columns without a meaning of their own, as one JSON object per row, each by its type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from sillage.domain.field import MAX_CHOICES, FieldType
from sillage.ingest.dates import DateOrder, parse_dates
from sillage.ingest.mapping import NO, WORDS, YES, ColumnMap
from sillage.ingest.table import cell

_CONTROLS_IN_TEXT = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+"
_SPACES_AND_SIGNS = r"[\s'\x{2019}\x{a0}\x{202f}€$£%]"
_THOUSANDS_WITH_COMMA = r"^[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"
_THOUSANDS_WITH_DOT = r"^[-+]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+$"
_JSON_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_TRUE = {word for word, answer in WORDS.items() if answer == YES} | {"vrai", "true"}
_FALSE = {word for word, answer in WORDS.items() if answer == NO} | {"faux", "false"}


@dataclass(slots=True)
class CustomCells:
    """Reads the custom columns of a file's frames."""

    columns: ColumnMap
    numeric: frozenset[int]
    types: Mapping[int, FieldType]
    orders: Mapping[str, DateOrder]
    this_year: int
    invalid: bool = False
    """Whether a cell was no value of its field's type; it was left out."""
    choices: dict[str, set[str]] = field(default_factory=dict)
    """Values of the fields of type choice."""

    def read(self, frame: pl.DataFrame) -> pl.Series:
        """The JSON of each row, empty cells left out."""
        parts = [self._part(frame, number) for number in self.columns.custom]
        if not parts:
            return pl.Series("custom", ["{}"] * frame.height, dtype=pl.String)
        joined = pl.select(pl.concat_str(parts, separator=",", ignore_nulls=True)).to_series()
        return pl.select(pl.lit("{") + joined + pl.lit("}")).to_series().alias("custom")

    def _part(self, frame: pl.DataFrame, number: int) -> pl.Series:
        name, cells = self.columns.names[number], frame[cell(number)]
        kind = self.types.get(number, FieldType.TEXT)
        if kind is FieldType.TEXT and number in self.numeric:
            value = cells.set(cells == "", None)
        elif kind in {FieldType.TEXT, FieldType.CHOICE}:
            value = _quoted(clean(cells.str.replace_all(_CONTROLS_IN_TEXT, " ")))
            if kind is FieldType.CHOICE:
                seen = self.choices.setdefault(name, set())
                seen.update(json.loads(text) for text in value.unique().drop_nulls().head(MAX_CHOICES + 1))
        else:
            value = self._typed(cells, kind, name)
            empty = cells.is_null() | (cells.str.strip_chars() == "")
            self.invalid |= bool((value.is_null() & ~empty).any())
        return pl.select(pl.lit(f"{json.dumps(name, ensure_ascii=False)}:") + value).to_series()

    def _typed(self, cells: pl.Series, kind: FieldType, name: str) -> pl.Series:
        if kind is FieldType.NUMBER:
            return _number(cells)
        if kind is FieldType.BOOLEAN:
            words = cells.str.strip_chars().str.to_lowercase()
            known = {**dict.fromkeys(_TRUE, "true"), **dict.fromkeys(_FALSE, "false")}
            return words.replace_strict(known, default=None, return_dtype=pl.String)
        dates = parse_dates(cells, self.orders.get(name, DateOrder.DMY), self.this_year)
        return pl.select(pl.lit('"') + dates + pl.lit('"')).to_series()


def clean(text: pl.Series) -> pl.Series:
    """Text without blanks around it, in one form of its accents; null where nothing is left."""
    text = text.str.strip_chars()
    if text.str.len_bytes().sum() != text.str.len_chars().sum():
        text = text.str.normalize("NFC")
    return text.set(text == "", None)


def _quoted(value: pl.Series) -> pl.Series:
    if value.str.contains(r'["\\\n\t]').any():
        for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
            value = value.str.replace_all(plain, escaped, literal=True)
    return pl.select(pl.lit('"') + value + pl.lit('"')).to_series()


def _number(cells: pl.Series) -> pl.Series:
    """Numbers as JSON writes them: 1 234,56 and 1,234.56 and 1.234,56 are one; null where a cell is none."""
    text = cells.str.replace_all(_SPACES_AND_SIGNS, "").str.strip_prefix("+")
    frame = pl.DataFrame({"text": text}).select(
        pl.when(pl.col("text").str.contains(_THOUSANDS_WITH_COMMA))
        .then(pl.col("text").str.replace_all(",", "", literal=True))
        .when(pl.col("text").str.contains(_THOUSANDS_WITH_DOT))
        .then(pl.col("text").str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True))
        .otherwise(pl.col("text").str.replace(",", ".", literal=True))
        .str.replace(r"^(-?)0+([0-9])", "${1}${2}")
        .alias("number")
    )["number"]
    return frame.set(~frame.str.contains(_JSON_NUMBER).fill_null(value=False), None)
