"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970, UTC, exact."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


class Moment(sa.TypeDecorator[datetime]):
    """A moment in UTC, kept as microseconds since 1970: small, exact, ordered, and the same on both engines."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002, D102
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else from_micros(value)


# SQLite numbers rows by itself only where the key is exactly INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB, "postgresql")


def one_of(column: str, values: type) -> sa.CheckConstraint:
    """A check that a column holds one of an enumeration's words."""
    words = ", ".join(f"'{word}'" for word in values)  # type: ignore[attr-defined]
    return sa.CheckConstraint(f"{column} in ({words})", name=f"{column}_known")
