"""Somebody else's tool: attaches the marts by the very words of docs/marts.md, and asks again and again.

    python tests/dbt/outsider.py CATALOG_DIR      until its standard input ends; then it says what it saw, as JSON
"""

from __future__ import annotations

import json
import re
import select
import sys
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extensions

DOCS = Path(__file__).resolve().parents[2] / "docs" / "marts.md"


def statements(marts_dir: str) -> tuple[str, str]:
    """The attachment and the question of the document, with the place of its example replaced."""
    (block,) = re.findall(r"```sql\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    lines = [line for line in block.splitlines() if not line.startswith("--")]
    told = [part.strip() for part in "\n".join(lines).replace("/srv/sillage/data/run/marts", marts_dir).split(";")]
    (attach,) = [part for part in told if part.startswith("attach")]
    (question,) = [part for part in told if part.startswith("select")]
    return attach, question


def connect(attach: str) -> duckdb.DuckDBPyConnection:
    """As the document says; the extensions come from packages, for nothing can be fetched where this is tested."""
    con = duckdb.connect()
    for name in ("ducklake", "sqlite_scanner"):
        duckdb_extensions.import_extension(name, con=con)
        con.execute(f"load {name}")
    con.execute("set TimeZone = 'UTC'")
    con.execute(attach)
    return con


def ask_on(attach: str, question: str) -> dict[str, Any]:
    """Ask until nobody listens; after an error attach again, as the document says."""
    con = connect(attach)
    seen: dict[str, Any] = {"asked": 0, "errors": [], "twice": 0, "positions": [], "halves": 0}
    again = False
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        try:
            rows = con.execute(question).fetchall()
            (position,) = con.execute("select as_of_seq from marts.main.as_of").fetchone() or (None,)
            parts = con.execute("select count(distinct as_of_seq) from marts.main.fct_campaign_performance").fetchone()
        except duckdb.Error as exc:
            seen["errors"].append(str(exc)[:200])
            seen["twice"] += again
            con.close()
            con, again = connect(attach), True
            continue
        again = False
        seen["asked"] += 1
        seen["halves"] += not rows or parts != (1,)
        if position not in seen["positions"]:
            seen["positions"].append(position)
    return seen


if __name__ == "__main__":
    json.dump(ask_on(*statements(sys.argv[1])), sys.stdout)
