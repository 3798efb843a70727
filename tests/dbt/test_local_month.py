"""The month of a moment on an account's calendar, which the marts find without opening most moments' zones."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from sillage.settings import ROOT

ZONES = ("Europe/Paris", "Pacific/Kiritimati", "Etc/GMT+12", "Australia/Lord_Howe", "America/New_York", "UTC")
MACRO = (ROOT / "dbt" / "macros" / "local_month.sql").read_text("utf-8")


@given(moments=st.lists(st.datetimes(datetime(2001, 1, 1), datetime(2040, 1, 1)), min_size=1, max_size=50))  # noqa: DTZ001
def test_month_is_the_zones_own(moments: list[datetime]) -> None:
    """As the engine says it when it opens the zone for each moment, in zones from 12 hours behind to 14 ahead."""
    expression = MACRO.split("%}", 1)[1].rsplit("{%", 1)[0]
    expression = expression.replace("{{ moment }}", "happened_at").replace("{{ zone }}", "zone")
    rows = [(moment.replace(tzinfo=UTC), zone) for moment in moments for zone in ZONES]
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute("create table moments (happened_at timestamptz, zone varchar)")
        con.executemany("insert into moments values (?, ?)", rows)
        wrong = con.execute(
            f"select * from moments where ({expression}) <> date_trunc('month', timezone(zone, happened_at))::date"
        ).fetchall()
    assert wrong == []
