"""Bring ops to the schema of this version."""

from __future__ import annotations

import uuid
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from sillage.store.database import Store
from sillage.store.tables import installation, provider_rates

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(store: Store) -> None:
    """Run the migrations that are missing, all or none, and give a new installation its epoch and defaults."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with store.write() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
        if conn.execute(sa.select(installation.c.value).where(installation.c.key == "epoch")).first() is None:
            conn.execute(installation.insert().values(key="epoch", value=str(uuid.uuid4())))
            conn.execute(
                provider_rates.insert().values(provider="*", channel="email", connections=4, per_connection=500)
            )


def epoch(conn: sa.Connection) -> str:
    """The name of this ops as a stream of events; a restored ops gets another."""
    return str(conn.execute(sa.select(installation.c.value).where(installation.c.key == "epoch")).scalar_one())
