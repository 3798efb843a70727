"""Imports that are killed, that meet each other, and files that nobody would send."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from sillage.domain.ids import AccountId
from sillage.ingest import ImportOptions, dry_run, import_file, inspect_file, resume_open_imports
from sillage.settings import Settings
from sillage.store import accounts, contacts, imports
from sillage.store.database import Store
from sillage.store.imports import Import, ImportState
from sillage.store.tables import consent_acts, consents, group_members

ROWS = 30_000
_CHILD = """
import sys
from pathlib import Path
from sillage.ingest import import_file
from sillage.settings import Settings
from sillage.store.database import Store
settings = Settings.load()
import_file(Store(settings.database_url), settings, int(sys.argv[1]), Path(sys.argv[2]), group="News")
"""


@pytest.fixture
def account_id(store: Store, settings: Settings) -> AccountId:
    """An account."""
    with store.write() as conn:
        return accounts.create(conn, "shop", "Shop", created_at=settings.clock.now()).id


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file of 30,000 rows, one in a hundred twice."""
    path = tmp_path / "people.csv"
    lines = (f"p{n if n % 100 else 0}@gmail.example,Ann,2026-01-05,yes\n" for n in range(ROWS))
    path.write_text("email,first_name,consent_at,tracking_consent\n" + "".join(lines))
    return path


def _kill_midway(settings: Settings, store: Store, account_id: AccountId, path: Path) -> Import:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(account_id), str(path)], env=settings.environment(),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and child.poll() is None:
            with store.read() as conn:
                found = imports.listed(conn, account_id)
            if found and found[0].done_rows > ROWS // 10:
                break
            time.sleep(0.005)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    with store.read() as conn:
        (left,) = imports.listed(conn, account_id)
    return left


def _totals(store: Store) -> tuple[int, ...]:
    with store.read() as conn:
        return tuple(
            int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
            for table in (contacts.contacts, consent_acts, consents, group_members)
        )


def test_import_killed_midway_is_finished_at_the_next_start(
    store: Store, settings: Settings, account_id: AccountId, people: Path
) -> None:
    """Nothing of it is seen before; afterwards everybody is there once, with each line of the ledger once."""
    left = _kill_midway(settings, store, account_id, people)
    assert left.state is ImportState.RUNNING
    assert 0 < left.done_rows < ROWS
    with store.read() as conn:
        assert contacts.count(conn, account_id) == 0
    people.unlink()
    (report,) = resume_open_imports(store, settings)
    accepted = ROWS - ROWS // 100 + 1
    assert (report.accepted, report.counts.new, report.refused_count) == (accepted, accepted, ROWS // 100 - 1)
    assert _totals(store) == (accepted, 3 * accepted, accepted, accepted)
    with store.read() as conn:
        assert contacts.count(conn, account_id) == accepted
    assert resume_open_imports(store, settings) == []


def test_import_killed_midway_is_finished_by_importing_again(
    store: Store, settings: Settings, account_id: AccountId, people: Path
) -> None:
    """Who starts it again goes on where it stopped: one import, not two."""
    left = _kill_midway(settings, store, account_id, people)
    report = import_file(store, settings, account_id, people, group="News")
    assert report.import_id == left.id
    assert report.counts.new == report.accepted == ROWS - ROWS // 100 + 1
    with store.read() as conn:
        assert [i.state for i in imports.listed(conn, account_id)] == [ImportState.SEALED]


def test_import_whose_original_is_lost_is_taken_back(
    store: Store, settings: Settings, account_id: AccountId, people: Path
) -> None:
    """What it made goes without a trace, since nobody can say any more what was left to do."""
    left = _kill_midway(settings, store, account_id, people)
    left.file_path.unlink()
    assert resume_open_imports(store, settings) == []
    assert _totals(store) == (0, 0, 0, 0)
    with store.read() as conn:
        assert imports.get(conn, account_id, left.id).state is ImportState.TAKEN_BACK


def test_import_that_is_at_work_is_not_resumed_by_another(
    store: Store, settings: Settings, account_id: AccountId, people: Path
) -> None:
    """A process that starts beside an import leaves it alone."""
    seen: list[int] = []

    def look(done: int, total: int) -> None:
        if not seen and done < total:
            seen.append(len(resume_open_imports(store, settings)))

    import_file(store, settings, account_id, people, progress=look)
    assert seen == [0]


def test_two_imports_at_once_make_each_person_once(any_store: Store, settings: Settings, tmp_path: Path) -> None:
    """The same file twice and another one with the same people, all at the same moment."""
    store = any_store
    with store.write() as conn:
        account_id = accounts.create(conn, "shop2", "Shop", created_at=settings.clock.now()).id
    lines = [f"p{n}@x.example,2026-01-05\n" for n in range(3000)]
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("email,consent_at\n" + "".join(lines))
    other.write_text("email,consent_at\n" + "".join(reversed(lines)))
    reports = []
    errors: list[BaseException] = []

    def work(path: Path) -> None:
        try:
            reports.append(import_file(store, settings, account_id, path, group="News"))
        except BaseException as exc:  # noqa: BLE001 - shown by the assertion below
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(path,)) for path in (one, one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(r.counts.new for r in reports) == 3000
    assert all(r.accepted == 3000 for r in reports)
    with store.read() as conn:
        assert contacts.count(conn, account_id) == 3000
        acts = sa.select(sa.func.count()).where(consent_acts.c.account_id == account_id)
        assert conn.execute(acts).scalar_one() == 3000


def test_file_of_ten_million_empty_rows_has_no_rows(tmp_path: Path) -> None:
    """Nothing is made of nothing, in little memory and time."""
    path = tmp_path / "empty-rows.csv"
    path.write_bytes(b"email,name\n" + b",\n" * 5_000_000 + b"\n" * 5_000_000)
    assert inspect_file(path).error == "no_rows"


def test_file_of_a_thousand_columns_is_imported(
    store: Store, settings: Settings, account_id: AccountId, tmp_path: Path
) -> None:
    """Each column without a meaning of its own is a custom field."""
    path = tmp_path / "wide.csv"
    path.write_text(",".join(["email", *(f"f{n}" for n in range(999))]) + "\na@x.example" + ",1" * 999 + "\n")
    assert import_file(store, settings, account_id, path).accepted == 1
    with store.read() as conn:
        assert len(contacts.listed(conn, account_id, limit=1)[0].custom) == 999


@pytest.mark.parametrize(
    ("data", "accepted", "refused"),
    [
        (b"email,n\na@x.example,\x00\n\x00b@x.example,2\n", 1, [(3, "control_character")]),
        (b'email,n\na@x.example,"' + b"x" * 70_000 + b'"\nb@x.example,1\n', 1, [(2, "cell_too_large")]),
        (b"email,n\na@x.example,1;2\nb@x.example,1,,,\nc@x.example,1,2\n", 2, [(4, "too_many_cells")]),
        (b'email,n\r\n"a@x.example\r\n",1\r\nb@x.example,2\r\n', 1, [(2, "control_character")]),
        (b"email,n\na@x.example\nb@x.example,2\n", 2, []),
        (b'email,note\na@x.example,5" pipe\nb@x.example,"two\nlines"\nc@x.example,end"\n', 3, []),
        (b"email\r\na@x.example\r\n\r\n\r\nb@x.example\r\nbad\r\n", 2, [(6, "invalid_address")]),
    ],
)
def test_odd_cells_are_refused_by_their_row(
    tmp_path: Path, settings: Settings, data: bytes, accepted: int, refused: list[tuple[int, str]]
) -> None:
    """One bad row is refused with the line where it starts; the others are taken."""
    path = tmp_path / "odd.csv"
    path.write_bytes(data)
    report = dry_run(path, now=settings.clock.now())
    assert report.error is None
    assert (report.accepted, [(r.row, r.reason) for r in report.refused]) == (accepted, refused)


def test_quote_that_swallows_rows_is_an_error_and_not_a_note(tmp_path: Path) -> None:
    """A quote that is closed by chance a hundred rows below would lose a hundred people without a word."""
    path = tmp_path / "swallow.csv"
    rows = "".join(f"p{n}@x.example,note {n}\n" for n in range(100))
    path.write_text(f'email,note\na@x.example,"open\n{rows}z@x.example,"closed"\n')
    assert inspect_file(path).error == "unclosed_quote"


def test_rows_are_numbered_alike_with_and_without_quotes(tmp_path: Path, settings: Settings) -> None:
    """The fast reader, the reader of quotes and the one of records over several lines count the same lines."""
    for quote in ("", '"', '"two\nlines"'):
        path = tmp_path / "n.csv"
        note = quote if "\n" in quote else f"{quote}x{quote}"
        path.write_text("email,note\n" + f"bad,{note}\n" * 3 + f"ok@x.example,{note}\n")
        height = note.count("\n") + 1
        report = dry_run(path, ImportOptions(), now=settings.clock.now())
        assert [r.row for r in report.refused] == [2, 2 + height, 2 + 2 * height]
