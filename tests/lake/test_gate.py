"""Nobody is named in the lake who did not agree to it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from lake_home import Installation, append, body, event

from sillage.domain.consent import ConsentState
from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, event_id
from sillage.lake.gate import pass_through
from sillage.lake.reader import Reader
from sillage.store.tables import contacts
from sillage.store.tracking_consent import TrackingConsent, TrackingPolicy


def named(home: Installation) -> list[tuple[str, int | None]]:
    """(type, contact) of all events, in order of arrival."""
    reader = Reader(home.settings)
    try:
        return [
            (row["type"], row["contact_id"])
            for row in reader.query("select type, contact_id from lake.events order by lake_seq")
        ]
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("policy", "opens", "clicks", "open_names", "click_names"),
    [
        ("consent", None, None, False, False),
        ("consent", "granted", None, True, False),
        ("consent", None, "granted", False, True),
        ("consent", "withdrawn", "granted", False, True),
        ("notice", None, None, True, True),
        ("notice", "withdrawn", None, False, True),
        ("notice", None, "withdrawn", True, False),
    ],
)
def test_opens_and_clicks_name_only_who_may_be_named(
    policy: str, opens: str | None, clicks: str | None, *, open_names: bool, click_names: bool
) -> None:
    """The account's policy and the person's present consent decide, each purpose on its own."""
    held = TrackingPolicy(needs_grant=policy == "consent", keeps_ip=True, keeps_agent=True)
    said = TrackingConsent(opens and ConsentState(opens), clicks and ConsentState(clicks))
    for kind, names in ((EventType.OPENED, open_names), (EventType.CLICKED, click_names)):
        passed = pass_through(event(1, kind, contact_id=7, ip="192.0.2.0", agent="Reader"), held, said)
        assert isinstance(passed, Event)
        assert (passed.contact_id, passed.ip, passed.agent) == ((7, "192.0.2.0", "Reader") if names else (None,) * 3)
    unsubscribed = event(2, EventType.UNSUBSCRIBED, contact_id=7)
    assert pass_through(unsubscribed, held, said) == unsubscribed


def test_the_collector_asks_for_the_consent_of_each_contact(home: Installation) -> None:
    """In one batch, who agreed is named and who did not is not, by the policy of the account."""
    home.contact(7, opens="granted")
    home.contact(8)
    journal = home.journal()
    append(journal, *(body(n, EventType.OPENED, contact_id=n) for n in (7, 8, 9)))
    collect_once(home.settings, home.store)
    home.set_account(tracking_policy="notice")
    append(journal, *(body((n, "later"), EventType.OPENED, contact_id=n) for n in (7, 8)))
    collect_once(home.settings, home.store)

    assert [contact for _, contact in named(home)] == [7, None, None, 7, 8]


def test_the_present_state_counts_for_old_mails_too(home: Installation) -> None:
    """Consent that was withdrawn between two opens makes the second anonymous."""
    contact = home.contact(7, opens="granted")
    journal = home.journal()
    append(journal, body("first", EventType.OPENED, contact_id=contact))
    collect_once(home.settings, home.store)
    with home.store.write() as conn:
        conn.execute(sa.text("update consents set open_tracking = 'withdrawn'"))
    append(journal, body("second", EventType.OPENED, contact_id=contact))
    collect_once(home.settings, home.store)

    assert named(home) == [("opened", 7), ("opened", None)]


def test_hygiene_keeps_only_the_day_in_ops(home: Installation) -> None:
    """The hygiene pixel leaves the day of the last open, never an earlier one, and no event; machines leave none."""
    home.contact(7)
    home.contact(8)
    append(
        home.journal(),
        body("h1", EventType.OPENED, contact_id=7, via="hygiene"),
        body("h2", EventType.OPENED, contact_id=7, via="hygiene", occurred_at=event(0).occurred_at.replace(day=20)),
        body("h3", EventType.OPENED, contact_id=8, via="hygiene", is_machine=True),
    )
    done = collect_once(home.settings, home.store)

    assert (done.events, done.hygiene) == (0, 3)
    with home.store.read() as conn:
        days = conn.execute(sa.select(contacts.c.last_open_on).order_by(contacts.c.id)).scalars().all()
    assert list(days) == ["2026-11-24", None]


def test_an_account_that_keeps_neither_address_nor_agent_gets_neither(home: Installation) -> None:
    """keeps_ip and keeps_agent off: the fields are gone before the lake."""
    home.set_account(keeps_ip=False, keeps_agent=False)
    home.contact(7, opens="granted")
    append(home.journal(), body("o", EventType.OPENED, contact_id=7, ip="192.0.2.0", agent="Reader"))
    collect_once(home.settings, home.store)

    reader = Reader(home.settings)
    assert reader.query("select * from lake.event_personal") == []
    reader.close()
    assert named(home) == [("opened", 7)]


def test_an_unknown_account_counts_as_the_strictest() -> None:
    """An event of an account that is gone names nobody and keeps nothing personal."""
    passed = pass_through(event(1, EventType.OPENED, contact_id=7, ip="192.0.2.0"), None, None)
    assert isinstance(passed, Event)
    assert (passed.contact_id, passed.ip) == (None, None)


def test_a_verdict_names_nobody() -> None:
    """`judged` speaks of an event that may have lost its contact on the way in, so it brings none back."""
    verdict = event(2, EventType.JUDGED, contact_id=7, subject_id=event_id("test", 1), is_machine=True)
    passed = pass_through(verdict, None, None)
    assert isinstance(passed, Event)
    assert passed.contact_id is None
