"""The lists of hygiene over 1,000,000 contacts, beside the same two questions in SQLite's own SQL, in one run.

`python -m bench.hygiene`
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from bench.results import record
from sillage.hygiene import Kind, lists_of
from sillage.hygiene.rules import rules
from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.database import Store
from sillage.store.migrate import upgrade

NOW = datetime(2026, 11, 24, tzinfo=UTC)
RUNS = 3
_INSERT = "insert into contacts (account_id, email, email_hash, provider, created_at, updated_at) values (?, ?, ?, 'other', 0, 0)"
_MAILBOX = """
    select count(*) - count(distinct replace(substr(email, 1, instr(email || '+', '+') - 1), '.', '')) from contacts
    where account_id = ? and email like '%@gmail.com'
"""


def main(contacts: int = 1_000_000) -> None:
    """Make the contacts, then ask in turn."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), secret="0" * 32, demo=True)  # type: ignore[arg-type]
        store = Store(settings.database_url)
        upgrade(store)
        with store.write() as conn:
            account = accounts.create(conn, "bench", "Bench", created_at=NOW).id
            conn.exec_driver_sql(_INSERT, [(account, *person) for person in people(contacts)])
        times: dict[str, list[float]] = {"ours": [], "sqlite": []}
        counts: dict[Kind, int] = {}
        for _ in range(RUNS):
            times["ours"].append(timed(lambda: counts.update(ours(store, account))))
            times["sqlite"].append(timed(lambda: plain(store, account)))
        store.close()
    medians = {name: round(statistics.median(found), 3) for name, found in times.items()}
    record(
        "hygiene", contacts=contacts, seven_lists_s=medians["ours"], two_lists_in_sqlite_s=medians["sqlite"],
        ratio=round(medians["ours"] / medians["sqlite"], 2), found={kind.value: n for kind, n in counts.items()},
    )  # fmt: skip


def people(count: int) -> list[tuple[str, bytes]]:
    """Addresses as lists have them: 2 % slips, 1 % functions, 1 % throw-away, 1 % twice."""
    chance = Random(20261124)  # noqa: S311
    slips, thrown = sorted(rules().typos)[:500], sorted(rules().disposable)[:500]
    found: list[tuple[str, bytes]] = []
    for n in range(count):
        kind = chance.random()
        email = f"first.last{n}@{chance.choice(('gmail.com', 'orange.fr', 'free.fr', f'shop{n % 40_000}.example'))}"
        if kind < 0.02:
            email = f"p{n}@{chance.choice(slips)}"
        elif kind < 0.03:
            email = f"info@firm{n}.example"
        elif kind < 0.04:
            email = f"p{n}@{chance.choice(thrown)}"
        elif kind < 0.05 and n:
            email = f"first.last{n - 1}+x@gmail.com"
        found.append((email, n.to_bytes(16, "big")))
    return found


def ours(store: Store, account: Any) -> dict[Kind, int]:
    """All seven lists, counted anew."""
    with lists_of(store, account, NOW) as lists:
        return lists.counts()


def plain(store: Store, account: int) -> None:
    """Two of them as anybody would write them: slips by domain, and one provider's doubles."""
    slips = list(rules().typos)
    with store.read() as conn:
        conn.exec_driver_sql("create temp table if not exists slips (domain text primary key)")
        conn.exec_driver_sql("insert or ignore into slips values (?)", [(one,) for one in slips])
        sql = "select count(*) from contacts join slips on domain = substr(email, instr(email, '@') + 1) where account_id = ?"
        conn.exec_driver_sql(sql, (account,)).fetchone()
        conn.exec_driver_sql(_MAILBOX, (account,)).fetchone()


def timed(ask: Callable[[], object]) -> float:
    """Seconds that it took."""
    begun = time.monotonic()
    ask()
    return time.monotonic() - begun


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
