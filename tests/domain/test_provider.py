"""The list of mailbox providers."""

from __future__ import annotations

from pathlib import Path

import pytest

from sillage.domain.provider import Complaints, provider_of, providers, reports_complaints
from sillage.errors import BadInput


@pytest.mark.parametrize(
    ("domain", "name"),
    [("gmail.com", "gmail"), ("Wanadoo.FR", "orange"), ("laposte.example", "laposte"), ("company.example", "other")],
)
def test_provider_is_known_by_its_domain(domain: str, name: str) -> None:
    """A domain of the list has a name; any other is `other`, since it may name a person."""
    assert provider_of(domain) == name


def test_provider_has_a_source_and_a_date_each() -> None:
    """Every entry says where it is known from and when that was looked up."""
    assert all(p.source and p.date >= "2026" for p in providers())


def test_provider_gmail_reports_no_person() -> None:
    """Gmail tells rates only, so its people are in no denominator of complaints."""
    assert {p.name: p.complaints for p in providers()}["gmail"] is Complaints.AGGREGATED
    assert not reports_complaints("gmail")
    assert reports_complaints("outlook")
    assert not reports_complaints("other")


def test_provider_list_refuses_a_domain_twice(tmp_path: Path) -> None:
    """A domain can't lead to two providers."""
    entry = '[[provider]]\nname = "{}"\ndomains = ["x.example"]\ncomplaints = "none"\nsource = "s"\ndate = 2026-01-01\n'
    path = tmp_path / "list.toml"
    path.write_text(entry.format("a") + entry.format("b"))
    with pytest.raises(BadInput, match=r"x\.example stands twice"):
        providers(path)
