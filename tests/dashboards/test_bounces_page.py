"""The page on bounces and complaints: the effect is seen before anything is saved, and is what then happens."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from pages_world import Browser, Home
from streamlit.testing.v1 import AppTest

from sillage.domain.bounce_policy import Follow
from sillage.domain.bounce_rules import BounceClass
from sillage.domain.complaint_sums import read_sums
from sillage.domain.ids import CampaignId, ContactId, VariantId
from sillage.store import accounts, bounces, reported, signals, unmatched
from sillage.store.signals import Bounce
from sillage.store.tables import contacts, suppressions
from sillage.tokens import Recipient, address_hash
from tests.conftest import SECRET

FULL = Bounce(BounceClass.SOFT, "mailbox_full", "5.2.2", 552, "mailbox full", "mailbox-full")


def _open(home: Home, browser: Browser, *, bouncing: int = 2) -> AppTest:
    """The page of an account of three people, of whom the first have bounced softly in five campaigns."""
    account = home.account("early", "Early", people=3)
    now = home.settings.clock.now()
    with home.store.write() as conn:
        people = conn.execute(sa.select(contacts.c.id, contacts.c.email).order_by(contacts.c.id)).all()
        for row in people:
            hashed = address_hash(SECRET, row.email)
            conn.execute(sa.update(contacts).where(contacts.c.id == row.id).values(email_hash=hashed))
        for row in people[:bouncing]:
            for campaign in range(1, 6):
                recipient = Recipient(CampaignId(campaign), VariantId(1), ContactId(row.id))
                signals.bounce(conn, account.id, recipient, FULL, via="mail", key=str(campaign),
                               occurred_at=now - timedelta(days=campaign), secret=SECRET)  # fmt: skip
    return browser.open(home, "bounces")


def _tiles(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def _said(app: AppTest) -> str:
    return "\n".join(str(element.value) for kind in (app.markdown, app.caption, app.info) for element in kind)


def _out(home: Home) -> list[str]:
    with home.store.read() as conn:
        return list(conn.execute(sa.select(suppressions.c.reason)).scalars())


def test_effect_of_a_policy_is_seen_before_it_is_saved(bare: Home, browser: Browser) -> None:
    """Choosing to deactivate soft bounces says whom it would concern; saving with the list does just that."""
    app = _open(bare, browser)
    assert _tiles(app) == {
        "To deactivate": "0", "To offer back": "0", "Removal recommended": "2", "With a bounce that counts": "2",
    }  # fmt: skip
    assert not [button for button in app.button if button.key == "policy_save"]
    app.selectbox(key="policy_soft").select(Follow.DEACTIVATE).run()
    assert _tiles(app)["To deactivate"] == "2"
    assert _out(bare) == []
    app.button(key="policy_apply").click().run()
    assert not app.exception
    assert _out(bare) == ["soft_bounce", "soft_bounce"]
    with bare.store.read() as conn:
        policy = bounces.policy_of(conn, accounts.only_account(conn).id)
    assert policy.of(BounceClass.SOFT) is Follow.DEACTIVATE


def test_numbers_that_make_no_sense_are_said_in_words(bare: Home, browser: Browser) -> None:
    """More campaigns than bounces: the page says so and saves nothing."""
    app = _open(bare, browser)
    app.number_input(key="policy_after").set_value(2).run()
    assert "2 bounces can't come from 3 campaigns" in app.error[0].value
    assert not [button for button in app.button if button.key == "policy_save"]


def test_recommended_people_are_named_and_removed(bare: Home, browser: Browser) -> None:
    """The list shows who bounced how often; the button says how many it concerns, and does it."""
    app = _open(bare, browser)
    assert "c1\\@early\\-people\\.example" in _said(app)
    button = app.button(key="remove_recommended")
    assert button.label == "Stop mail to 2 contacts"
    button.click().run()
    assert _out(bare) == ["soft_bounce", "soft_bounce"]
    assert "Nobody has bounced so often" in _said(app)


def test_sums_of_providers_and_mail_to_look_at_are_shown(bare: Home, browser: Browser) -> None:
    """Loops to join, sums beside our own complaints, and what waits to be looked at."""
    account = bare.account("early", "Early")
    now = bare.settings.clock.now()
    with bare.store.write() as conn:
        sums = read_sums("Date,Spam rate\n2026-11-23,0.0012\n", "p.csv", domain="d.example")
        reported.put(conn, account.id, sums, now=now)
        unmatched.put_aside(
            conn,
            account.id,
            b"x",
            folder=bare.settings.files_dir,
            kind="complaint",
            reason="unmatched",
            received_at=now,
        )
    said = _said(browser.open(bare, "bounces"))
    assert "Signal Spam" in said
    assert "| 2026-11-23 | Gmail Postmaster Tools | d\\.example | \u2013 | \u2013 | 0.12" in said
    assert "| complaint | no recipient found |" in said


def test_loop_that_was_joined_is_ticked(bare: Home, browser: Browser) -> None:
    """The checklist of loops keeps what was ticked, and forgets what is taken back."""
    account = bare.account("early", "Early")
    app = browser.open(bare, "bounces")
    app.pills(key="joined_loops").set_value(["yahoo", "snds"]).run()
    assert not app.exception
    with bare.store.read() as conn:
        assert reported.joined(conn, account.id) == {"yahoo", "snds"}
    assert _said(app).count(":material/check_box:") == 2
    app.pills(key="joined_loops").set_value(["snds"]).run()
    with bare.store.read() as conn:
        assert reported.joined(conn, account.id) == {"snds"}
