"""The door to ops: writers take turns, all or nothing, a full disk half-writes nothing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from sillage.clock import Clock
from sillage.domain.campaign import CampaignState
from sillage.domain.delivery import DeliveryState
from sillage.errors import BadInput, NotFound, TransientError
from sillage.lake.event import Event, EventType, decode, event_id
from sillage.store import accounts, outbox
from sillage.store.columns import from_micros, to_micros
from sillage.store.database import Store
from sillage.store.migrate import epoch, upgrade
from sillage.store.tables import deliveries, metadata
from sillage.store.tables import outbox as outbox_table


def make_account(store: Store, slug: str = "a") -> None:
    with store.write() as conn:
        accounts.create(conn, slug, slug, created_at=Clock().now())


def an_event() -> Event:
    now = Clock().now()
    return Event(id=event_id("x"), type=EventType.IMPORTED, account_id=1, occurred_at=now, recorded_at=now)


def test_error_takes_everything_back(any_store: Store):
    """A transaction that ends in an error leaves nothing."""
    with pytest.raises(ZeroDivisionError), any_store.write() as conn:  # noqa: PT012  # both belong together
        accounts.create(conn, "a", "A", created_at=Clock().now())
        _ = 1 / 0
    with any_store.read() as conn, pytest.raises(NotFound, match="no account 'a'"):
        accounts.by_slug(conn, "a")


def test_migrations_make_the_tables_that_the_code_knows(any_store: Store):
    """After the migrations each table and column of the code is there, and a second run changes nothing."""
    with any_store.read() as conn:
        before = epoch(conn)
    upgrade(any_store)
    with any_store.read() as conn:
        found = sa.inspect(conn)
        assert set(metadata.tables) <= set(found.get_table_names())
        for table in metadata.tables.values():
            assert {c.name for c in table.columns} == {c["name"] for c in found.get_columns(table.name)}
        assert epoch(conn) == before


def test_states_are_checked_by_the_database(any_store: Store):
    """A state that the code does not know is refused by the database itself."""
    make_account(any_store)
    row = {"campaign_id": 1, "contact_id": 1, "account_id": 1, "variant_id": 1, "provider": "x"}
    row["due_at"] = Clock().now()
    for state in DeliveryState:
        with any_store.write() as conn:
            conn.execute(deliveries.insert().values(**{**row, "contact_id": hash(state) % 10**6, "state": state}))
    with pytest.raises(sa.exc.IntegrityError), any_store.write() as conn:
        conn.execute(deliveries.insert().values(**row, state="lost"))
    assert CampaignState("closed")


def test_account_slug_is_taken_once(any_store: Store):
    """A second account of one slug is refused in words."""
    make_account(any_store)
    with pytest.raises(BadInput, match="choose another slug"):
        make_account(any_store)


def test_identity_is_set_whole_or_not_at_all(any_store: Store):
    """A legal identity lets an account send; an empty part of it is refused by name, and changes nothing."""
    make_account(any_store)
    with any_store.write() as conn:
        account = accounts.only_account(conn)
        assert not account.may_send
        accounts.set_identity(conn, account.id, legal_name="Maison SAS", postal_address=" 1 quai ")
    with any_store.write() as conn, pytest.raises(BadInput, match="postal address must have"):
        accounts.set_identity(conn, account.id, legal_name="Other", postal_address=" ")
    with any_store.read() as conn:
        found = accounts.only_account(conn)
    assert (found.legal_name, found.postal_address, found.may_send) == ("Maison SAS", "1 quai", True)


def test_only_account_asks_where_there_are_several(any_store: Store):
    """With none or several accounts the caller is told what to do."""
    with any_store.read() as conn, pytest.raises(BadInput, match="sillage account create"):
        accounts.only_account(conn)
    make_account(any_store, "a")
    make_account(any_store, "b")
    with any_store.read() as conn, pytest.raises(BadInput, match="a, b"):
        accounts.only_account(conn)


def test_writers_of_many_threads_all_get_their_turn(any_store: Store):
    """Eight writers at once each write fifty rows; none is lost and none is told that the database is locked."""
    event = an_event()

    def write() -> None:
        for _ in range(50):
            with any_store.write() as conn:
                outbox.record(conn, [event])

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with any_store.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(outbox_table)).scalar() == 400


def test_outbox_numbers_never_return(any_store: Store):
    """After a full drain numbers go on, so that an old number never means a new event."""
    event = an_event()
    with any_store.write() as conn:
        outbox.record(conn, [event, event])
    with any_store.read() as conn:
        first = [seq for seq, _ in outbox.waiting(conn, 10)]
    with any_store.write() as conn:
        outbox.drop(conn, first)
        outbox.record(conn, [event])
    with any_store.read() as conn:
        ((again, body),) = outbox.waiting(conn, 10)
    assert again > max(first)
    assert decode(body) == event


def test_full_disk_is_said_and_half_writes_nothing(tmp_path: Path):
    """With no space left the writer gets one clear error, what was there stays whole, and writing goes on later."""
    script = textwrap.dedent("""
        import resource, signal, sys
        from pathlib import Path
        from sillage.clock import Clock
        from sillage.errors import TransientError
        from sillage.store import accounts
        from sillage.store.database import Store
        from sillage.store.migrate import upgrade
        store = Store(sys.argv[1]); upgrade(store)
        with store.write() as conn:
            accounts.create(conn, "first", "x", created_at=Clock().now())
        store.close()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        # The kernel refuses to let any file grow past this: what a full disk does to the write-ahead log.
        size = Path(sys.argv[1][10:]).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        try:
            with store.write() as conn:
                for n in range(3000):
                    accounts.create(conn, f"a{n}", "x" * 1000, created_at=Clock().now())
        except TransientError as exc:
            print(exc)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with store.read() as conn:
            print([conn.exec_driver_sql("select slug from accounts").scalars().all()])
        with store.write() as conn:
            accounts.create(conn, "after", "x", created_at=Clock().now())
        print(conn.closed)
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{tmp_path}/ops.sqlite"], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert "is full or broken" in lines[0]
    assert "free some space" in lines[0]
    assert lines[1] == "[['first']]"


def test_moments_are_exact():
    """A moment comes back to the microsecond."""
    now = Clock().now()
    assert from_micros(to_micros(now)) == now


def test_network_disk_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """SQLite on a network disk is refused with the file and the reason."""
    from sillage.store import database

    monkeypatch.setattr(database, "NETWORK_FILE_SYSTEMS", {_file_system(tmp_path)})
    with pytest.raises(BadInput, match="network disk"):
        Store(f"sqlite:///{tmp_path}/ops.sqlite")


def _file_system(path: Path) -> str:
    best, kind = "", ""
    for line in Path("/proc/mounts").read_text().splitlines():
        mount, fs = line.split()[1:3]
        if str(path).startswith(mount) and len(mount) > len(best):
            best, kind = mount, fs
    return kind


def test_store_that_is_not_there_says_so(tmp_path: Path):
    """A PostgreSQL that does not answer is a transient error that hides the password."""
    store = Store("postgresql://user:geheim@127.0.0.1:1/none")
    with pytest.raises(TransientError) as caught, store.write():
        pass
    assert "geheim" not in str(caught.value)
