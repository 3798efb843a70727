"""Dates in cells: which order a column writes them in, and columns of them read at once.

31/12/1990 can only be day first and 12/31/1990 only month first, so one such cell decides for its column; a column
in which every date could be read both ways is a question. Dots are never month first, and ISO 8601 is plain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import polars as pl

# In polars \d would also be the digits of other scripts, which are no numbers to it.
_CLOCK = (
    r"(?:[T ,]+(?:[àa]t? )?(?P<hour>[0-9]{1,2})[:hH](?P<minute>[0-9]{2})?(?::(?P<second>[0-9]{2})(?:[.,][0-9]+)?)?"
    r"\s*(?P<half>[AaPp])?\.?(?:[Mm]\.?)?\s*(?P<zone>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_ISO = rf"^(?P<year>[0-9]{{4}})[-/.](?P<month>[0-9]{{1,2}})[-/.](?P<day>[0-9]{{1,2}}){_CLOCK}$"
_PARTS = rf"^(?P<first>[0-9]{{1,2}})(?P<mark>[-/.])(?P<then>[0-9]{{1,2}})[-/.](?P<year>[0-9]{{4}}|[0-9]{{2}}){_CLOCK}$"
_COMPACT = re.compile(r"(?:19|20)\d{6}")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
# Excel counts days from here; five digits are 1927 to 2173.
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a cell's own time has no zone
FIRST_YEAR, LAST_YEAR = 1000, 9990
_LAST_MONTH = 12
_LAST_DAY = 31
# One cell in so many that says the other order is a slip of somebody's hand.
SLIPS = 20
_NOON = 12

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janvier january janv jan januar", "fevrier february fevr feb fev februar", "mars march mar marz",
            "avril april avr apr", "mai may", "juin june jun juni", "juillet july juil jul juli", "aout august aug aou",
            "septembre september sept sep", "octobre october oct oktober okt", "novembre november nov",
            "decembre december dec dezember dez",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_FOLD = str.maketrans("éèêûôä", "eeeuoa")
_NAMED = re.compile(
    r"(?:[a-z]+,? )??(?:(?P<before>\d{1,2})(?:er|st|nd|rd|th)?[ .-]+)?(?P<month>[a-z]+)\.?[ ,.-]+"
    r"(?:(?P<after>\d{1,2})(?:st|nd|rd|th)?,? +)?(?P<year>\d{4})"
)


class DateOrder(StrEnum):
    """How day and month are written."""

    DMY = "dmy"
    MDY = "mdy"


@dataclass(frozen=True, slots=True)
class OrderEvidence:
    """What the dates of a column say of their order."""

    day_first: int = 0
    month_first: int = 0
    either: int = 0
    """Dates that read differently each way."""

    def __add__(self, other: OrderEvidence) -> OrderEvidence:
        return OrderEvidence(
            self.day_first + other.day_first, self.month_first + other.month_first, self.either + other.either
        )

    @property
    def is_open(self) -> bool:
        """Whether a person has to say: nothing decides, or some cells say the one and some the other."""
        more, fewer = max(self.day_first, self.month_first), min(self.day_first, self.month_first)
        return more < SLIPS * fewer or (more == 0 and self.either > 0)

    @property
    def order(self) -> DateOrder:
        """The order, where it is not open."""
        return DateOrder.MDY if self.month_first > self.day_first else DateOrder.DMY

    @classmethod
    def of(cls, cells: pl.Series) -> OrderEvidence:
        """Look at the cells of a column, or of a part of it."""
        parts = cells.unique().drop_nulls().str.strip_chars().str.extract_groups(_PARTS).struct.unnest()
        first, second = (parts[name].cast(pl.Int32) for name in ("first", "then"))
        open_ = parts["mark"] != "."
        return cls(
            int((open_ & first.is_between(_LAST_MONTH + 1, _LAST_DAY) & (second <= _LAST_MONTH)).sum()),
            int((open_ & second.is_between(_LAST_MONTH + 1, _LAST_DAY) & (first <= _LAST_MONTH)).sum()),
            int((open_ & (first != second) & (first <= _LAST_MONTH) & (second <= _LAST_MONTH)).sum()),
        )


def with_answer(evidence: OrderEvidence, answer: DateOrder | None) -> OrderEvidence:
    """The evidence with a person's answer, which decides where the cells do not."""
    if answer is None or not evidence.is_open:
        return evidence
    plain = replace(evidence, day_first=0, month_first=0, either=0)
    return replace(plain, day_first=1) if answer is DateOrder.DMY else replace(plain, month_first=1)


def parse_moments(cells: pl.Series, order: DateOrder, zone: str, this_year: int) -> pl.Series:
    """Microseconds since 1970 (UTC), null where a cell is no moment. One without a zone of its own is in `zone`."""
    return _by_value(cells, _moments(_naive(cells.unique().drop_nulls(), order, this_year), zone))


def parse_dates(cells: pl.Series, order: DateOrder, this_year: int) -> pl.Series:
    """Dates as YYYY-MM-DD, null where a cell is none. A year of two digits is the latest one up to this year."""
    read = _naive(cells.unique().drop_nulls(), order, this_year)
    return _by_value(cells, read.select("cell", pl.col("naive").dt.strftime("%Y-%m-%d").alias("read")))


def _by_value(cells: pl.Series, read: pl.DataFrame) -> pl.Series:
    """Each cell's reading, from the readings of distinct cells."""
    return cells.to_frame("cell").join(read, on="cell", how="left", maintain_order="left")["read"]


def _moments(read: pl.DataFrame, zone: str) -> pl.DataFrame:
    local = pl.col("naive").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    stated = pl.col("naive").dt.timestamp("us") - pl.col("offset_us")
    # An hour that the clocks skip in spring is read as if they had not.
    return read.select(
        "cell",
        pl.coalesce(stated, local.dt.convert_time_zone("UTC").dt.timestamp("us"), pl.col("naive").dt.timestamp("us"))
        .alias("read"),
    )  # fmt: skip


def _naive(cells: pl.Series, order: DateOrder, this_year: int) -> pl.DataFrame:
    """Distinct cells with what they say: `naive` (a clock's time) and `offset_us` (null where no zone is said)."""
    text = cells.str.strip_chars()
    iso = text.str.extract_groups(_ISO).struct.unnest()
    parts = text.str.extract_groups(_PARTS).struct.unnest()
    day_first = (parts["mark"] == ".") | pl.lit(order is DateOrder.DMY)
    frame = pl.DataFrame({"cell": cells}).with_columns(
        year=pl.coalesce(iso["year"], _full_year(parts["year"], this_year)).cast(pl.Int32),
        month=pl.coalesce(iso["month"], pl.when(day_first).then(parts["then"]).otherwise(parts["first"])),
        day=pl.coalesce(iso["day"], pl.when(day_first).then(parts["first"]).otherwise(parts["then"])),
        hour=pl.coalesce(iso["hour"], parts["hour"]).cast(pl.Int32).fill_null(0),
        minute=pl.coalesce(iso["minute"], parts["minute"]).fill_null("0"),
        second=pl.coalesce(iso["second"], parts["second"]).fill_null("0"),
        half=pl.coalesce(iso["half"], parts["half"]).str.to_lowercase(),
        zone=pl.coalesce(iso["zone"], parts["zone"]),
    )
    afternoon = (
        pl.when((pl.col("half") == "p") & (pl.col("hour") < _NOON)).then(pl.col("hour") + _NOON)
        .when((pl.col("half") == "a") & (pl.col("hour") == _NOON)).then(0)
        .otherwise(pl.col("hour"))
    )  # fmt: skip
    written = pl.format("{}-{}-{} {}:{}:{}", "year", "month", "day", afternoon, "minute", "second")
    known = pl.col("year").is_between(FIRST_YEAR, LAST_YEAR)
    return _with_odd_ones(
        frame.select(
            "cell",
            pl.when(known)
            .then(written.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False))
            .alias("naive"),
            _offset(pl.col("zone")).alias("offset_us"),
        )
    )


def _full_year(year: pl.Series, this_year: int) -> pl.Expr:
    short = pl.lit(year).cast(pl.Int32)
    century = this_year // 100 * 100
    return (
        pl.when(pl.lit(year).str.len_bytes() > 2).then(short)  # noqa: PLR2004 - two digits
        .when(short + century <= this_year).then(short + century)
        .otherwise(short + century - 100)
    )  # fmt: skip


def _offset(zone: pl.Expr) -> pl.Expr:
    """Microseconds east of UTC."""
    digits = zone.str.replace_all(":", "")
    minutes = digits.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + digits.str.slice(3, 2).cast(
        pl.Int64, strict=False
    )
    east = pl.when(digits.str.starts_with("-")).then(-minutes).otherwise(minutes)
    return pl.when(zone.is_in(["Z", "UTC", "GMT"])).then(0).otherwise(east) * 60_000_000


def _with_odd_ones(read: pl.DataFrame) -> pl.DataFrame:
    """The few other ways to write a date, one by one: 20261124, 24 novembre 2026, Nov 24, 2026, Excel's day numbers."""
    odd = read.filter(pl.col("naive").is_null())["cell"].to_list()
    found = {text: moment for text in odd if (moment := _odd(text.strip())) is not None}
    if not found:
        return read
    table = pl.DataFrame(
        {"cell": list(found), "odd": pl.Series(list(found.values()), dtype=pl.Datetime("us"))},
        schema={"cell": pl.String, "odd": pl.Datetime("us")},
    )
    joined = read.join(table, on="cell", how="left", maintain_order="left")
    return joined.select("cell", pl.coalesce("naive", "odd").alias("naive"), "offset_us")


def _odd(text: str) -> datetime | None:
    try:
        if _COMPACT.fullmatch(text):
            return datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a cell's own time has no zone
        if _SERIAL.fullmatch(text):
            return _EXCEL_EPOCH + timedelta(days=float(text))
        if named := _NAMED.fullmatch(text.lower().translate(_FOLD)):
            month, day = _MONTHS.get(named["month"]), named["before"] or named["after"]
            return datetime(int(named["year"]), month, int(day)) if month and day else None  # noqa: DTZ001
    except (ValueError, OverflowError):
        return None
    return None
