"""What dbt-duckdb calls when it opens its connection: attaches lake, marts and ops as the rest of Sillage does.

The profile could name files, but not load extensions from installed packages nor set the catalogs' options; so
this is the one door, whoever starts dbt: `sillage metrics build`, Dagster or a hand at a shell.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from dbt.adapters.duckdb.plugins import BasePlugin

from sillage.domain.local_time import country_codes
from sillage.domain.provider import providers
from sillage.lake import catalog
from sillage.lake.build import AS_OF_AT, AS_OF_SEQ, PREVIOUS_SEQ
from sillage.settings import Settings

# All that the marts may know of ops: what a campaign is, and of who gets it no more than where they came from.
OPS_COLUMNS = {
    "accounts": "id, slug, name, locale, timezone, tracking_policy, currency, attribution_days, created_at",
    "campaigns": "id, account_id, name, kind, channel, state, audience, send_at, created_at, planned_at, started_at, "
    "closed_at",
    "variants": "id, account_id, campaign_id, position, name, subject",
    "contacts": "id, account_id, source, import_id, country, created_at",
    "links": "account_id, campaign_id, variant_id, number, url, label",
}


class Plugin(BasePlugin):
    """Attaches the stores and fixes how far this build reads."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:  # noqa: ARG002  # the adapter's signature
        """Read the settings from the environment, as every process does."""
        self._settings = Settings.load()
        self._as_of: tuple[int, datetime] | None = None
        self._held: duckdb.DuckDBPyConnection | None = None

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Load, attach, and bring in what is reference data rather than a store."""
        catalog.prepare(conn, self._settings)
        catalog.attach_lake(conn, self._settings, read_only=True)
        catalog.attach_marts(conn, self._settings, read_only=False)
        self._held = _hold(conn)
        self._as_of = _as_of(conn, self._settings)
        _copy_ops(conn, self._settings)
        conn.execute("create schema if not exists memory.reference")
        conn.register("provider_rows", _providers())
        conn.execute("create or replace table memory.reference.providers as select * from provider_rows")
        conn.unregister("provider_rows")
        conn.register("country_rows", _countries())
        conn.execute("create or replace table memory.reference.countries as select * from country_rows")
        conn.unregister("country_rows")

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Tell each cursor how far to read: the staging view over the lake stops there."""
        if self._as_of is not None:
            seq, at = self._as_of
            cursor.execute("set TimeZone = 'UTC'")
            cursor.execute(f"set variable as_of_seq = {seq}::bigint")
            cursor.execute(f"set variable previous_seq = {int(os.environ.get(PREVIOUS_SEQ) or -1)}::bigint")
            cursor.execute(f"set variable as_of_at = '{at.isoformat()}'::timestamptz")


def _hold(conn: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Keep both catalogs open until the build ends, by a question that is never finished.

    Each question opens and closes the catalog's file. Whoever closes it as the last one of all processes tidies its
    journal up, for which SQLite takes the file for itself, and a build that opens it in that moment fails, as one did
    beside a tool that asked the marts all the time. While this is open, nobody is the last.
    """
    held = conn.cursor()
    held.execute("begin")
    for name in ("lake", "marts"):
        held.execute(f"select count(*) from __ducklake_metadata_{name}.ducklake_snapshot").fetchall()
    return held


def _as_of(conn: duckdb.DuckDBPyConnection, settings: Settings) -> tuple[int, datetime]:
    """The point that the runner took, or the present one where dbt was started by itself."""
    given, at = os.environ.get(AS_OF_SEQ), os.environ.get(AS_OF_AT)
    if given and at:
        return int(given), datetime.fromisoformat(at)
    found = conn.execute("select coalesce(max(lake_seq), 0) from lake.main.events").fetchone()
    return (int(found[0]) if found else 0), settings.clock.now()


def _copy_ops(conn: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Take these columns of ops as they are now, so that all models see the same, and let go of ops again.

    It can't stay attached: dbt lists the indexes of everything that is, and the scanner can't show partial ones.
    """
    catalog.attach_ops(conn, settings)
    conn.execute("create schema if not exists memory.ops")
    for table, columns in OPS_COLUMNS.items():
        conn.execute(
            f"create or replace table memory.ops.{table} as "
            f"select {columns} from ops.{catalog.ops_schema(settings)}.{table}"
        )
    conn.execute("detach ops")


def _countries() -> pa.Table:
    """What people write for a country, in small letters without accents, and the code that it means."""
    known = country_codes()
    return pa.table(
        {"written": pa.array(list(known), pa.string()), "code": pa.array(list(known.values()), pa.string())}
    )


def _providers() -> pa.Table:
    """The mailbox providers of data/providers.toml, with what they report of complaints."""
    known = providers()
    return pa.table(
        {
            "provider": pa.array([p.name for p in known], pa.string()),
            "complaints": pa.array([p.complaints for p in known], pa.string()),
            "source": pa.array([p.source for p in known], pa.string()),
            "source_date": pa.array([p.date for p in known], pa.string()),
        }
    )
