"""A table's columns, and its cells as both kinds of file need them. Pure: frames in, frames out."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sillage.domain.spreadsheet import FORMULA

_LOOKS_LIKE_FORMULA = "^[" + "".join("\\" + sign if sign in "=+-@" else sign for sign in FORMULA) + "]"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the frame, and its title in the file."""

    name: str
    title: str


def neutralised(name: str) -> pl.Expr:
    """A text column in which no spreadsheet finds a formula, as `sillage.domain.spreadsheet.neutral` says it."""
    cell = pl.col(name)
    return pl.when(cell.str.contains(_LOOKS_LIKE_FORMULA)).then(pl.lit("'") + cell).otherwise(cell).alias(name)
