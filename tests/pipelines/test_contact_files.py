"""A file dropped in the inbox becomes contacts, or is put aside with what a person has to know."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import dagster as dg
import pytest

from pipelines.attempts import NO_RETRY
from pipelines.defs.contacts.assets import ContactFile, contacts
from pipelines.defs.contacts.checks import share_refused
from pipelines.defs.contacts.inbox import QUIET_S, find, look
from pipelines.defs.contacts.sensors import inbox_files
from pipelines.installation import Installation
from sillage.errors import BadInput, NotFound
from sillage.store import contacts as stored
from sillage.store import files, imports
from tests.world import World

PEOPLE = "email,first_name\nana@mail.example,Ana\nbob@mail.example,Bob\nno address,Eve\n"
LATER = QUIET_S + 0.5


def drop(home: World, name: str = "people.csv", text: str = PEOPLE) -> Path:
    path = home.settings.inbox_dir / "maison" / "Readers" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def materialize(instance: dg.DagsterInstance, name: str = "people.csv", **answers: object) -> dg.ExecuteInProcessResult:
    config = ContactFile(account="maison", group="Readers", file=name, **answers)  # type: ignore[arg-type]
    return dg.materialize(
        [contacts],
        instance=instance,
        resources={"installation": Installation()},
        run_config=dg.RunConfig(ops={"ops__contacts": config}),
        raise_on_error=False,
    )


def tick(instance: dg.DagsterInstance) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, resources={"installation": Installation()})
    found = inbox_files(context)
    assert isinstance(found, dg.SensorResult)
    return found


def test_a_file_becomes_contacts(home: World, instance: dg.DagsterInstance):
    """Valid rows are in ops, the run says what became of each, and the file has left the inbox."""
    path = drop(home)
    done = materialize(instance)
    assert done.success
    (event,) = done.get_asset_materialization_events()
    shown = event.materialization.metadata
    assert {k: shown[k].value for k in ("accepted", "refused", "new", "kept_out")} == {
        "accepted": 2, "refused": 1, "new": 2, "kept_out": 0,
    }  # fmt: skip
    assert str(shown["rows_by_outcome"].value).startswith("![Rows by what became of them](data:image/png;base64,")
    assert "no address" in Path(str(shown["refused_rows"].value)).read_text()
    assert list(path.parent.iterdir()) == []
    with home.store.read() as conn:
        assert stored.count(conn, home.id) == 2


def test_the_asset_is_a_plain_function(home: World):
    """It can be called without a run."""
    drop(home)
    config = ContactFile(account="maison", group="Readers", file="people.csv")
    result = contacts(dg.build_asset_context(), config, Installation())
    assert isinstance(result, dg.MaterializeResult)
    assert result.metadata is not None
    assert result.metadata["new"] == dg.MetadataValue.int(2)


def test_an_open_question_parks_a_file(home: World, instance: dg.DagsterInstance):
    """Nothing is imported; the file waits beside its group, registered, with its question in the list of imports."""
    path = drop(home, text="email,birthday\nana@mail.example,03/04/1990\nbob@mail.example,05/06/1991\n")
    done = materialize(instance)
    assert done.success
    (event,) = done.get_asset_materialization_events()
    parked = path.parent / "parked" / "people.csv"
    assert event.materialization.metadata["questions"].value == ["date_order"]
    assert event.materialization.metadata["parked"].value == str(parked)
    assert parked.exists()
    assert not path.exists()
    with home.store.read() as conn:
        assert stored.count(conn, home.id) == 0
        assert [(i.state, i.file_path, i.questions) for i in imports.listed(conn, home.id)] == [
            ("parked", parked, ["date_order"])
        ]
        assert [f.path for f in files.listed(conn, home.id)] == [parked]
    assert look(home.settings.inbox_dir, time.time() + LATER) == ([], [])


def test_an_answer_imports_a_parked_file(home: World, instance: dg.DagsterInstance):
    """Moved back and materialized with the answer, a parked file is imported."""
    path = drop(home, text="email,birthday\nana@mail.example,03/04/1990\nbob@mail.example,05/06/1991\n")
    materialize(instance)
    (path.parent / "parked" / "people.csv").rename(path)
    assert materialize(instance, date_order="dmy").success
    with home.store.read() as conn:
        assert stored.count(conn, home.id) == 2


@pytest.mark.parametrize(
    ("name", "body"),
    [("empty.csv", b""), ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256))), ("zip.xlsx", b"PK\x03\x04broken")],
)
def test_a_broken_file_fails_once(home: World, instance: dg.DagsterInstance, name: str, body: bytes):
    """It is moved aside and written down, the run fails with its fault in words, and nothing tries again."""
    path = drop(home, name)
    path.write_bytes(body)
    done = materialize(instance, name)
    assert not done.success
    (failure,) = done.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data is not None
    assert "mend it and drop it again" in str(failure.step_failure_data.user_failure_data.description)
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert NO_RETRY.items() <= run.tags.items()
    assert (path.parent / "failed" / name).read_bytes() == body
    assert not path.exists()
    with home.store.read() as conn:
        assert [i.state for i in imports.listed(conn, home.id)] == ["failed"]


def test_a_complete_file_is_asked_for_once(home: World, instance: dg.DagsterInstance):
    """One request per file, with its place; none while it is being written."""
    path = drop(home)
    assert tick(instance).run_requests == []
    os.utime(path, (0, 0))  # an old time of modification does not make it complete
    assert tick(instance).run_requests == []
    time.sleep(QUIET_S + 0.1)
    (request,) = tick(instance).run_requests or []
    assert request.run_config["ops"]["ops__contacts"]["config"]["file"] == "people.csv"
    assert request.tags["sillage/group"] == "Readers"


def test_an_unknown_account_is_told(home: World, instance: dg.DagsterInstance):
    """A folder that names no account is left alone, and the sensor says so."""
    folder = home.settings.inbox_dir / "nobody" / "Readers"
    folder.mkdir(parents=True)
    (folder / "people.csv").write_text(PEOPLE)
    time.sleep(QUIET_S + 0.1)
    found = tick(instance)
    assert found.run_requests == []
    assert isinstance(found.skip_reason, dg.SkipReason)
    assert "nobody/ is no account" in str(found.skip_reason.skip_message)


def test_only_complete_files_of_groups_are_seen(tmp_path: Path):
    """Hidden, unfinished, linked and put-aside files are not; what lies outside a group is told."""
    group = tmp_path / "maison" / "Readers"
    (group / "parked").mkdir(parents=True)
    for name in ("good.csv", ".hidden.csv", "half.csv.part", "parked/old.csv"):
        (group / name).write_text(PEOPLE)
    (group / "link.csv").symlink_to("/etc/passwd")
    (tmp_path / "maison" / "stray.csv").write_text(PEOPLE)
    found, astray = look(tmp_path, time.time() + LATER)
    assert [f.path.name for f in found] == ["good.csv"]
    assert astray == ["maison/stray.csv lies outside a group's folder"]
    assert look(tmp_path / "missing", time.time()) == ([], [])


def test_a_newer_file_stays(tmp_path: Path):
    """What was dropped at the place of a file while it was imported is not taken away with it."""
    (tmp_path / "a" / "g").mkdir(parents=True)
    path = tmp_path / "a" / "g" / "people.csv"
    path.write_text("old")
    seen = find(tmp_path, "a", "g", "people.csv")
    (tmp_path / "new").write_text("new")
    shutil.move(tmp_path / "new", path)
    seen.remove()
    assert path.read_text() == "new"
    find(tmp_path, "a", "g", "people.csv").remove()
    assert list(path.parent.iterdir()) == []


def test_nothing_put_aside_is_overwritten(tmp_path: Path):
    """A second file of the same name gets the next free name; a move that was cut short is finished."""
    (tmp_path / "a" / "g").mkdir(parents=True)
    path = tmp_path / "a" / "g" / "people.csv"
    for text in ("one", "two"):
        path.write_text(text)
        find(tmp_path, "a", "g", "people.csv").move_to("failed")
    path.write_text("three")
    os.link(path, path.parent / "failed" / "people-3.csv")
    find(tmp_path, "a", "g", "people.csv").move_to("failed")
    aside = {p.name: p.read_text() for p in (path.parent / "failed").iterdir()}
    assert aside == {"people.csv": "one", "people-2.csv": "two", "people-3.csv": "three"}


@pytest.mark.parametrize("name", ["../../secret.csv", "..", "", "a/b.csv", "x\0y"])
def test_no_place_outside_the_inbox(tmp_path: Path, name: str):
    """A name from a launchpad can't lead out of the inbox."""
    with pytest.raises(BadInput):
        find(tmp_path, "maison", "Readers", name)


def test_a_file_that_is_gone_is_told(tmp_path: Path):
    """A run for a file that somebody took away says so."""
    with pytest.raises(NotFound, match="not in the inbox any more"):
        find(tmp_path, "maison", "Readers", "people.csv")


def test_share_refused():
    """Refused rows are counted against all rows; an empty file has none."""
    assert share_refused(accepted=6, refused=2, kept_out=2) == 0.2
    assert share_refused(accepted=0, refused=0, kept_out=0) == 0.0
