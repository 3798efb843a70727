"""`sillage contacts`: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
from typer.testing import CliRunner, Result

from sillage.commands import erasure
from sillage.commands.contacts import app
from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.database import Store

INSPECTION = {
    "encoding", "separator", "quote", "sheet", "header_row", "columns", "rows", "mapping", "questions", "warnings",
    "error",
}  # fmt: skip
REPORT = {"accepted", "refused", "new", "updated", "unchanged", "kept_out", "questions", "warnings", "error"}


def _run(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


def _json(*args: object) -> Any:
    return json.loads(_run(*args, "--json").stdout)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A small file."""
    path = tmp_path / "people.csv"
    path.write_text("email,first_name,consent_at\na@x.example,Ann,2026-01-05\nbad,,\n")
    return path


def test_dry_run_needs_nothing_set_up(people: Path) -> None:
    """Without a secret and without a database everybody is new, and nothing is made."""
    found = _json("import", people, "--dry-run", "--rows", 1)
    assert set(found) >= REPORT
    assert (found["accepted"], found["new"]) == (1, 1)
    assert found["refused"] == [{"row": 3, "reason": "invalid_address", "value": "bad"}]
    assert found["contacts"] == [
        {"email": "a@x.example", "first_name": "Ann", "mailable": True, "not_mailable_because": None}
    ]


def test_pipe_is_read_to_its_end(people: Path, tmp_path: Path) -> None:
    """`-` and a named pipe say what the file says; one that is closed in the middle of a row loses no row before it."""
    whole = _json("import", people, "--dry-run")
    raw = people.read_bytes()
    piped = CliRunner().invoke(app, ["import", "-", "--dry-run", "--json"], input=raw)
    assert json.loads(piped.stdout) == whole
    cut = CliRunner().invoke(app, ["import", "-", "--dry-run", "--json"], input=raw[: raw.index(b"bad") + 2])
    assert json.loads(cut.stdout)["accepted"] == 1
    nothing = CliRunner().invoke(app, ["import", "-", "--dry-run", "--json"], input=b"")
    assert json.loads(nothing.stdout)["error"] == "empty_file"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(raw,))
    writer.start()
    assert _json("import", pipe, "--dry-run") == whole
    writer.join(timeout=10)


def test_inspect_prints_all_that_is_known(people: Path) -> None:
    """The JSON has its agreed keys; the table for people names what each column becomes."""
    assert set(_json("inspect", people)) == INSPECTION
    shown = _run("inspect", people).stdout
    assert "first_name" in shown
    assert "utf-8" in shown


def test_open_question_ends_with_two(tmp_path: Path) -> None:
    """Nothing is imported, and the answer is named."""
    path = tmp_path / "b.csv"
    path.write_text("email,birthday\na@x.example,01/02/1990\n")
    asked = _run("import", path, "--dry-run", "--json")
    assert (asked.exit_code, json.loads(asked.stdout)["questions"]) == (2, ["date_order"])
    assert "--date-order" in asked.stderr
    assert _run("import", path, "--dry-run", "--date-order", "mdy").exit_code == 0


def test_broken_file_ends_with_one_and_says_why(tmp_path: Path) -> None:
    """The code is in the JSON, the words are on standard error."""
    path = tmp_path / "b.csv"
    path.write_text("name\nAnna\n")
    done = _run("import", path, "--dry-run", "--json")
    assert (done.exit_code, json.loads(done.stdout)["error"]) == (1, "no_address_column")
    assert "b.csv has no column" in done.stderr


def test_import_list_and_imports_tell_one_story(
    people: Path, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was imported is listed, by people and by file, for a reader and for a machine."""
    with store.write() as conn:
        accounts.create(conn, "shop", "Shop", created_at=settings.clock.now())
    # Logging is set up once per process, and would keep the stream that this test's runner closes.
    monkeypatch.setattr("sillage.log.configure", lambda _process: None)
    for name, value in settings.environment().items():
        if name.startswith("SILLAGE_"):
            monkeypatch.setenv(name, value)
    assert _json("import", people, "--dry-run")["new"] == 1
    with structlog.testing.capture_logs():
        assert _json("import", people, "--group", "News")["accepted"] == 1
    assert _json("import", people, "--dry-run", "--account", "shop")["unchanged"] == 1
    with structlog.testing.capture_logs():
        assert "accepted" in _run("import", people).stdout
    assert _json("list")["contacts"][0]["email"] == "a@x.example"
    assert "a@x.example" in _run("list").stdout
    assert {one["state"] for one in _json("imports")} == {"sealed"}
    assert "people.csv" in _run("imports").stdout
    assert _run("erase", "a@x.example", "--account", "shop", "--yes").exit_code == 0
    assert _json("list")["count"] == 0
    assert _json("import", people, "--dry-run")["kept_out"] == 1
    assert "waits" in CliRunner().invoke(erasure.app, ["--account", "shop"]).stdout
    (asked,) = json.loads(CliRunner().invoke(erasure.app, ["--json"]).stdout)
    assert asked["requested_by"] == "cli"
    assert "email" not in asked


def test_an_import_is_undone_by_its_number(
    people: Path, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom it made goes; a second time there is nothing to undo."""
    with store.write() as conn:
        accounts.create(conn, "shop", "Shop", created_at=settings.clock.now())
    monkeypatch.setattr("sillage.log.configure", lambda _process: None)
    for name, value in settings.environment().items():
        if name.startswith("SILLAGE_"):
            monkeypatch.setenv(name, value)
    with structlog.testing.capture_logs():
        assert _json("import", people)["accepted"] == 1
        assert _json("undo", 1)["dropped"] == 1
        assert _run("undo", 1).exit_code == 1
    assert _json("list")["count"] == 0


def test_wrong_options_name_what_is_legal(people: Path) -> None:
    """A wording without its declarer, an order that is none, a map without a field."""
    for args in (
        ["--consent-wording", "I agree"],
        ["--date-order", "ymd"],
        ["--map", "email"],
    ):
        done = _run("import", people, "--dry-run", *args, "--json")
        assert done.exit_code == 1, args


@pytest.mark.parametrize("command", ["inspect", "import", "imports", "list", "undo", "erase"])
def test_help_ends_with_an_example(command: str) -> None:
    """Each command shows how it is used."""
    assert f"Example: sillage contacts {command}" in _run(command, "--help").stdout
