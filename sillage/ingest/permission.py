"""What the rows of a file say of consent, and whether it makes a person mailable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from sillage.domain.consent import CONSENT_LASTS, ConsentState, NotMailable
from sillage.ingest.dates import DateOrder, parse_moments
from sillage.ingest.mapping import GONE, NO, WORDS, YES, ColumnMap
from sillage.ingest.table import cell
from sillage.store.columns import to_micros


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """How consent in a file is read."""

    now: datetime
    zone: str
    """The zone of times that name none."""
    declared_at: datetime | None = None
    """Set where a user declared consent for the whole file: when."""


def judge(frame: pl.DataFrame, columns: ColumnMap, rules: ConsentRules, orders: dict[str, DateOrder]) -> pl.DataFrame:
    """For each row: `marketing` and `tracking` (granted, withdrawn or null), `at` (microseconds), `reason` (why not
    mailable, or null), `source` and `ip` (as the file says).

    A row's own word goes before what was declared for the whole file. Without a date a consent can't be shown to be
    younger than three years: it is missing.
    """
    word = _worst(_words(frame, columns, "marketing_consent"), _words(frame, columns, "subscription"))
    left = _cells(frame, columns, "unsubscribed")
    left_word = _words(frame, columns, "unsubscribed")
    has_word = any(columns.column(name) is not None for name in ("marketing_consent", "subscription"))
    said = _cells(frame, columns, "consent_at")
    at = _moments(said, rules, orders, "consent_at")
    left_at = _moments(left, rules, orders, "unsubscribed")
    state = pl.DataFrame({
        "word": word, "left": left, "left_word": left_word, "said": said, "at": at, "left_at": left_at,
        "source": _cells(frame, columns, "consent_source"), "ip": _cells(frame, columns, "consent_ip"),
        "tracking_word": _words(frame, columns, "tracking_consent"),
    })  # fmt: skip
    declared = None if rules.declared_at is None else to_micros(rules.declared_at)
    gone = (pl.col("word") == GONE).fill_null(value=False) | (
        pl.col("left").is_not_null() & (pl.col("left_word").fill_null("") != NO)
    )
    refused = (pl.col("word") == NO).fill_null(value=False)
    if declared is not None:
        granted = pl.lit(value=True)
    elif has_word:
        granted = (pl.col("word") == YES).fill_null(value=False)
    else:
        granted = pl.col("said").is_not_null()
    when = pl.col("at") if declared is None else pl.when(pl.col("said").is_null()).then(declared).otherwise("at")
    now, lasts = to_micros(rules.now), to_micros(rules.now - CONSENT_LASTS)
    reason = (
        pl.when(gone).then(pl.lit(NotMailable.UNSUBSCRIBED.value))
        .when(refused).then(pl.lit(NotMailable.REFUSED.value))
        .when(~granted).then(pl.lit(NotMailable.MISSING.value))
        .when(pl.col("said").is_not_null() & pl.col("at").is_null()).then(pl.lit(NotMailable.DATE_INVALID.value))
        .when(when.is_null()).then(pl.lit(NotMailable.MISSING.value))
        .when(when > now).then(pl.lit(NotMailable.DATE_IN_FUTURE.value))
        .when(when <= lasts).then(pl.lit(NotMailable.TOO_OLD.value))
    )  # fmt: skip
    state = state.with_columns(reason.alias("reason"), when.alias("at"), gone.alias("gone"))
    is_past = pl.col("at") <= now
    return state.select(
        pl.when("gone").then(pl.lit(ConsentState.WITHDRAWN.value))
        .when(pl.col("reason") == NotMailable.REFUSED.value).then(pl.lit(ConsentState.WITHDRAWN.value))
        .when(pl.col("reason").is_null() | (pl.col("reason") == NotMailable.TOO_OLD.value))
        .then(pl.lit(ConsentState.GRANTED.value)).alias("marketing"),
        pl.when("gone").then(pl.when(pl.col("left_at") <= now).then("left_at"))
        .otherwise(pl.when(is_past).then("at")).alias("at"),
        "reason",
        pl.when(pl.col("tracking_word") == YES).then(pl.lit(ConsentState.GRANTED.value))
        .when(pl.col("tracking_word").is_in([NO, GONE])).then(pl.lit(ConsentState.WITHDRAWN.value)).alias("tracking"),
        "source",
        "ip",
    )  # fmt: skip


def _cells(frame: pl.DataFrame, columns: ColumnMap, name: str) -> pl.Series:
    number = columns.column(name)
    if number is None:
        return pl.Series(name, [None] * frame.height, dtype=pl.String)
    text = frame[cell(number)].str.replace_all(r"\p{Cc}+", " ").str.strip_chars()
    return text.set(text == "", None).alias(name)


def _words(frame: pl.DataFrame, columns: ColumnMap, name: str) -> pl.Series:
    lower = _cells(frame, columns, name).str.to_lowercase()
    return lower.replace_strict(dict(WORDS), default=None, return_dtype=pl.String)


def _worst(one: pl.Series, other: pl.Series) -> pl.Series:
    """Of two answers the one that protects the person."""
    return pl.select(
        pl.when((one == GONE) | (other == GONE)).then(pl.lit(GONE))
        .when((one == NO) | (other == NO)).then(pl.lit(NO))
        .when((one == YES) | (other == YES)).then(pl.lit(YES))
    ).to_series()  # fmt: skip


def _moments(cells: pl.Series, rules: ConsentRules, orders: dict[str, DateOrder], name: str) -> pl.Series:
    if cells.null_count() == len(cells):
        return pl.Series(name, [None] * len(cells), dtype=pl.Int64)
    return parse_moments(cells, orders.get(name, DateOrder.DMY), rules.zone, rules.now.year).alias(name)
