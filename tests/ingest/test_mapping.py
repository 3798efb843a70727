"""What columns mean."""

from __future__ import annotations

import pytest

from sillage.errors import BadInput
from sillage.ingest.mapping import WORDS, ColumnMap, field_of, map_columns


def _map(headers: list[str] | None, *rows: list[str], **wanted: str) -> ColumnMap:
    return map_columns(headers, len(headers or rows[0]), rows, wanted, "f.csv")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("E-Mail", "email"), ("ADRESSE_EMAIL", "email"), ("Prénom", "first_name"), ("Nom de famille", "last_name"),
        ("Code postal", "postcode"), ("Date de naissance", "birthday"), ("Tél. portable", "phone"),
        ("Consentement le", "consent_at"), ("optin_date", "consent_at"), ("Kundennummer", None), ("name", None),
    ],
)  # fmt: skip
def test_header_is_known_whatever_its_case_and_accents(header: str, field: str | None) -> None:
    """French, English and some neighbours; a word with several meanings is none of them."""
    assert field_of(header) == field


def test_status_is_consent_only_where_its_cells_say_so() -> None:
    """A status of orders is a custom field."""
    assert _map(["email", "status"], ["a@x.example", "Abonné"]).column("subscription") == 1
    assert _map(["email", "status"], ["a@x.example", "paid"]).custom == [1]


def test_source_is_of_consent_only_beside_other_consent() -> None:
    """Alone it may be the source of anything."""
    assert _map(["email", "source"], ["a@x.example", "shop"]).custom == [1]
    assert _map(["email", "source", "optin_date"], ["a@x.example", "shop", "2026"]).column("consent_source") == 1


def test_column_of_addresses_is_found_without_a_name() -> None:
    """No header, or one that nobody knows: the cells say which column it is."""
    assert _map(None, ["Anna", "a@x.example"]).as_headers == {"column_2": "email"}
    assert _map(["who", "contact"], ["Anna", "a@x.example"]).as_headers == {"contact": "email"}


def test_user_has_the_last_word() -> None:
    """A column can be named, or left out."""
    found = _map(["email", "boss", "n"], ["a@x.example", "b@x.example", "1"], boss="email", email="-", n="city")
    assert found.as_headers == {"boss": "email", "n": "city"}
    assert found.custom == []


@pytest.mark.parametrize(
    ("headers", "wanted", "code"),
    [
        (["email", "a", "A"], {}, "duplicate_header"),
        (["name", "note"], {}, "no_address_column"),
        (["email"], {"x": "city"}, "unknown_column"),
        (["email", "x"], {"x": "shoe"}, "unknown_field"),
        (["email", "x", "y"], {"x": "city", "y": "city"}, "unknown_field"),
        (["email"] * 20_000, {}, "not_a_table"),
    ],
)
def test_columns_that_cannot_be_told_apart_are_refused(headers: list[str], wanted: dict[str, str], code: str) -> None:
    """Each error has its code."""
    with pytest.raises(BadInput) as caught:
        _map(headers, **wanted)
    assert caught.value.code == code


def test_empty_header_over_an_empty_column_is_no_field() -> None:
    """Trailing separators make no custom field; a column with cells and without a header gets a number."""
    assert _map(["email", "", ""], ["a@x.example", "", "x"]).custom == [2]


def test_words_say_one_thing_each() -> None:
    """No word is both a yes and a no, and all are in lower case."""
    assert all(word == word.lower() for word in WORDS)
    assert (WORDS["oui"], WORDS["non"], WORDS["désabonné"]) == ("yes", "no", "gone")
