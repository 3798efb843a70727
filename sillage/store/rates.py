"""What each mailbox provider is given at most."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from sillage.store.database import Store
from sillage.store.tables import provider_rates


@dataclass(frozen=True, slots=True)
class Rate:
    """Connections at once, messages on each, and messages a second (None: no limit)."""

    connections: int
    per_connection: int
    per_second: float | None


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of all providers; the row `*` is for those that have none of their own."""

    default: Rate
    own: dict[str, Rate]

    def of(self, provider: str) -> Rate:
        """The rate of one provider."""
        return self.own.get(provider, self.default)


def load(store: Store, *, channel: str) -> Rates:
    """Read the table."""
    with store.read() as conn:
        rows = conn.execute(sa.select(provider_rates).where(provider_rates.c.channel == channel)).all()
    own = {r.provider: Rate(r.connections, r.per_connection, r.per_second) for r in rows}
    return Rates(own.pop("*", Rate(4, 500, None)), own)
