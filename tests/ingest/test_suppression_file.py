"""Suppression lists as files: read, written, and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sillage.domain.ids import AccountId
from sillage.errors import NotFound, Refused
from sillage.ingest.suppression_file import as_csv, entry_of, read_file
from sillage.store import accounts, suppressions
from sillage.store.database import Store
from tests.conftest import SECRET
from tests.listening import NOW


@pytest.fixture
def owner(any_store: Store) -> AccountId:
    """An account, on each engine."""
    with any_store.write() as conn:
        return accounts.create(conn, "maison", "Maison", created_at=NOW).id


def test_list_is_read_written_and_read_back(any_store: Store, owner: AccountId, settings: Any, tmp_path: Path) -> None:
    """Addresses, domains and hashes of a messy file; what is exported makes the same list elsewhere."""
    file = tmp_path / "left.csv"
    file.write_text("E-mail;note\nAda@Shop.example;a\n@blocked.example;b\nnonsense;c\nada@shop.example;d\n")
    report = read_file(any_store, settings, owner, file)
    assert (report.rows, report.added, report.refused_count, report.refused[0].row) == (4, 2, 1, 4)
    assert read_file(any_store, settings, owner, file).added == 0
    with any_store.write() as conn:
        text = as_csv(suppressions.listed(conn, owner))
        other = accounts.create(conn, "autre", "Autre", created_at=NOW).id
    exported = tmp_path / "out.csv"
    exported.write_text(text)
    assert read_file(any_store, settings, other, exported).added == 2
    with any_store.read() as conn:
        held = entry_of("ADA@shop.example", SECRET).address_hash
        for account in (owner, other):
            assert suppressions.reason_of(
                conn, account, channel="email", address_hash=held, domain="shop.example"
            ) == "manual"  # fmt: skip
            assert suppressions.reason_of(
                conn, account, channel="email", address_hash=None, domain="blocked.example"
            ) == "domain_suppressed"  # fmt: skip


def test_lists_of_accounts_and_of_the_installation_are_apart(any_store: Store, owner: AccountId) -> None:
    """What one account suppresses stops nothing of another; the operator's list stops all and is read by none."""
    held = entry_of("ada@shop.example", SECRET).address_hash
    assert held is not None
    with any_store.write() as conn:
        other = accounts.create(conn, "autre", "Autre", created_at=NOW).id
        suppressions.add(conn, owner, channel="email", addresses=[(held, "manual")], domains=["x.example"], now=NOW)

        def reason(account: AccountId) -> str | None:
            return suppressions.reason_of(conn, account, channel="email", address_hash=held, domain="x.example")

        assert (reason(owner), reason(other)) == ("manual", None)
        suppressions.add(conn, None, channel="email", addresses=[(held, "manual")], now=NOW)
        assert (reason(owner), reason(other)) == ("installation", "installation")
        assert suppressions.listed(conn, other) == []
        assert suppressions.size(conn, None) == suppressions.Size(1, 0)
        suppressions.remove_address(conn, None, "email", held)
        assert (reason(owner), reason(other)) == ("manual", None)


def test_who_complained_is_taken_off_no_list_by_hand(any_store: Store, owner: AccountId) -> None:
    """A hard bounce may be taken off, a complaint and an erasure may not; unknown is said."""
    with any_store.write() as conn:
        for n, reason in enumerate(("hard_bounce", "complaint", "erased")):
            suppressions.add(conn, owner, channel="email", addresses=[(bytes([n] * 16), reason)], now=NOW)
        suppressions.remove_address(conn, owner, "email", bytes(16))
        for n in (1, 2):
            with pytest.raises(Refused, match="for good"):
                suppressions.remove_address(conn, owner, "email", bytes([n] * 16))
        with pytest.raises(NotFound):
            suppressions.remove_address(conn, owner, "email", bytes(16))
        with pytest.raises(NotFound):
            suppressions.remove_domain(conn, owner, "x.example")


def test_bare_list_without_a_header_is_read(any_store: Store, owner: AccountId, settings: Any, tmp_path: Path) -> None:
    """One address a line and nothing else: the first line counts too."""
    file = tmp_path / "bare.txt"
    file.write_text("ada@shop.example\nbob@shop.example\n")
    assert read_file(any_store, settings, owner, file).added == 2


@pytest.mark.parametrize("cell", ["=1+1@x.example", "+33612345678", "-x@y.example", "@x.example"])
def test_no_cell_of_an_export_is_a_formula(cell: str) -> None:
    """What a spreadsheet would compute stands behind an apostrophe (trap 41)."""
    line = suppressions.Suppressed(None, cell, "manual", cell, NOW)
    assert f"'{cell}" in as_csv([line])
