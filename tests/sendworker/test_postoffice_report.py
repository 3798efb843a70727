"""The report's figures on a case that was made and counted by hand."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from sendworker.postoffice.entries import SCHEMA
from sendworker.postoffice.people import People, Person
from sendworker.postoffice.providers import mailboxes
from sendworker.postoffice.report import figures


class Book:
    """A ledger in memory, written by hand."""

    def __init__(self) -> None:
        self.conn = sqlite3.connect(":memory:", isolation_level=None)
        self.conn.executescript(SCHEMA)

    def take(self, person: str, variant: str | None = "A", campaign: str | None = "7") -> int:
        """A mail that was accepted."""
        number = self.conn.execute(
            "INSERT INTO messages (recipient, person, mail_from, message_id, campaign, variant, subject, size,"
            " accepted_at, accepted_wall) VALUES (?1, ?1, 'b@b.example', ?2, ?3, ?4, '', 0, 0, 0)",
            (person, f"<{person}.{variant}>", campaign, variant),
        ).lastrowid
        assert number is not None
        return number

    def refuse(self, person: str, reason: str, variant: str | None = "A") -> None:
        """A mail that was not."""
        self.conn.execute(
            "INSERT INTO refusals (recipient, person, mail_from, stage, reason, code, reply, campaign, variant,"
            " refused_at, refused_wall) VALUES (?1, ?1, '', 'data', ?2, 550, '', ?3, ?4, 0, 0)",
            (person, reason, "7" if variant else None, variant),
        )

    def act(self, message: int, kind: str, status: int | None, *, is_machine: bool = False) -> None:
        """Something that was done."""
        self.conn.execute(
            "INSERT INTO actions (message, kind, via, is_machine, method, path, status, outcome, repeat, retries, at,"
            " answered_at) VALUES (?, ?, '', ?, 'GET', '', ?, 'answered', 0, 0, 0, 0)",
            (message, kind, is_machine, status),
        )

    def variant(
        self, people: dict[str, Person] | None = None, campaign: str = "7", variant: str = "A"
    ) -> dict[str, Any]:
        """The figures of one variant."""
        found: dict[str, Any] = self.report(people)["campaigns"][campaign]["variants"][variant]
        return found

    def report(self, people: dict[str, Person] | None = None) -> dict[str, Any]:
        """All figures."""
        return figures(self.conn, People(people or {}), mailboxes())


@pytest.fixture
def book() -> Book:
    """An empty ledger."""
    return Book()


def test_figures_are_those_counted_by_hand(book: Book) -> None:
    """Ten people of one variant, each another case; every figure was counted by hand."""
    opener, clicker, private, dead, alive = (
        book.take(f"{n}@sfr.example") for n in ("o", "c", "private", "dead", "alive")
    )
    angry, mute, scanned, leaver = (
        book.take(n) for n in ("angry@sfr.example", "mute@gmail.example", "s@x.example", "l@x.example")
    )
    book.refuse("gone@sfr.example", "refused")
    book.refuse("later@sfr.example", "deferred")
    book.refuse("o@sfr.example", "deferred")
    book.refuse("c@sfr.example", "alone")
    for message, kind, status in (
        (opener, "open", 200),
        (opener, "open", 200),
        (clicker, "click", 302),
        (clicker, "click", 404),
        (private, "open", 200),
        (private, "click", 302),
        (dead, "bounce_report", 250),
        (alive, "bounce_report", 250),
        (alive, "click", 302),
        (angry, "complaint", 250),
        (mute, "complaint", None),
        (leaver, "unsubscribe_link", 200),
        (leaver, "unsubscribe", 200),
    ):
        book.act(message, kind, status)
    book.act(scanned, "open", 200, is_machine=True)
    book.act(scanned, "click", 302, is_machine=True)
    book.act(scanned, "unsubscribe_link", 200, is_machine=True)
    assert book.variant({"private@sfr.example": Person(agreed=False)}) == {
        "sent": 11,  # nine taken, one refused, one deferred and not seen since
        "delivered": 8,  # nine taken, but the dead one
        "bounced": 2,  # the refused and the dead; the one alive contradicts it
        "human_opened": 1,
        "human_clicked": 2,  # the clicker and the one alive, not the private one
        "unsubscribed": 1,
        "complained": 1,
        "machine_opened": 1,
        "machine_clicked": 1,
        "measurable": 7,  # eight delivered, but the private one
        "open_rate": 1 / 7,
        "click_rate": 2 / 8,
        "reactivity_rate": 2 / 3,
        "bounce_rate": 2 / 11,
        "unsubscribe_rate": 1 / 8,
        "complaint_rate": 1 / 5,  # five of the eight are at providers that report
    }


def test_rates_over_nothing_are_null(book: Book) -> None:
    """Nothing delivered: no rate of it, and a session refusal is bounced whatever came before."""
    number = book.take("a@gmail.example")
    book.act(number, "open", 200)
    book.refuse("a@gmail.example", "refused")
    found = book.variant()
    assert (found["sent"], found["bounced"], found["delivered"], found["human_opened"]) == (1, 1, 0, 0)
    assert found["bounce_rate"] == 1.0
    for rate in ("open_rate", "click_rate", "reactivity_rate", "unsubscribe_rate", "complaint_rate"):
        assert found[rate] is None


def test_refusal_at_rcpt_is_placed_by_label_or_unknown(book: Book) -> None:
    """Refused before the mail said whose it was: the label places it by id or by its fellows; without one, unknown."""
    book.take("a@free.example", "21")
    book.take("b@free.example", "22")
    for person in ("by-id@free.example", "by-label@free.example", "stranger@free.example", "odd@free.example"):
        book.refuse(person, "refused", variant=None)
    book.refuse("a@free.example", "deferred", variant=None)
    people = {
        "a@free.example": Person(variant="Mens"),
        "b@free.example": Person(variant="Womens"),
        "by-id@free.example": Person(variant="21"),
        "by-label@free.example": Person(variant="Womens"),
        "odd@free.example": Person(variant="Kids"),
    }
    campaigns = book.report(people)["campaigns"]
    sent = {(c, v): found["sent"] for c, entry in campaigns.items() for v, found in entry["variants"].items()}
    assert sent == {("7", "21"): 2, ("7", "22"): 2, ("unknown", "unknown"): 1, ("unknown", "Kids"): 1}


def test_totals_count_messages_ids_and_people(book: Book) -> None:
    """The totals count what came, also of mails that name no campaign."""
    book.take("a@free.example")
    book.take("a@free.example", "B")
    book.take("b@free.example", None, None)
    found = book.report()
    assert (found["accepted"], found["distinct_message_ids"], found["distinct_recipients"]) == (3, 3, 2)
    assert found["campaigns"]["7"]["accepted"] == 2
    assert found["campaigns"]["unknown"]["variants"]["unknown"]["sent"] == 1
