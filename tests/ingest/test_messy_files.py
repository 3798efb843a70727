"""The messy files that were collected for the importer, each with what a careful person reads in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sillage.clock import Clock
from sillage.ingest import dry_run, inspect_file

SHARED = Path(os.environ.get("SILLAGE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FILES = sorted((SHARED / "data" / "contacts").glob("*.expected.json"))


@pytest.mark.skipif(not FILES, reason=f"no messy files in {SHARED}: set SILLAGE_SHARED")
@pytest.mark.parametrize("wanted_path", FILES, ids=lambda p: p.name.removesuffix(".expected.json"))
def test_messy_file_is_read_as_a_careful_person_reads_it(wanted_path: Path) -> None:
    """Encoding, separator, header, each refused row with its reason, each person's consent: all as written beside."""
    path = wanted_path.with_name(wanted_path.name.removesuffix(".expected.json"))
    wanted: dict[str, Any] = json.loads(wanted_path.read_text("utf-8"))
    seen = inspect_file(path).as_json()
    done = dry_run(path, now=Clock().now(), rows=100).as_json()
    assert {name: seen[name] for name in wanted.get("inspect", {})} == wanted.get("inspect", {})
    assert done["error"] == wanted.get("error")
    assert set(wanted.get("questions", [])) <= set(done["questions"])
    assert set(wanted.get("warnings", [])) <= {*done["warnings"], *seen["warnings"]}
    if "accepted" in wanted:
        assert done["accepted"] == wanted["accepted"]
    if "refused" in wanted:
        assert [{"row": r["row"], "reason": r["reason"]} for r in done["refused"]] == wanted["refused"]
    people = {contact["email"]: contact for contact in done.get("contacts", [])}
    assert {a for a in wanted.get("mailable", []) if not people[a]["mailable"]} == set()
    for address, reason in wanted.get("not_mailable", {}).items():
        assert people[address]["not_mailable_because"] == reason
    for contact in wanted.get("contacts", []):
        assert {name: people[contact["email"]].get(name) for name in contact} == contact
