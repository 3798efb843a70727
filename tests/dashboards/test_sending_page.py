"""The page of sending: empty, under way, slowed down, and where nothing may leave."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pages_world import Browser, Home, Told
from streamlit.testing.v1 import AppTest

from sillage.domain.ids import CampaignId
from sillage.domain.pace import Rate
from sillage.store import campaigns, identity, rates, workers
from sillage.store.rates import Feedback
from sillage.store.tables import deliveries

GREETING = "421 4.7.0 slow down"


def _tiles(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def _text(app: AppTest) -> str:
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def _busy(home: Home) -> CampaignId:
    """A campaign of which 12 wait, 5 are put off at Gmail, 2 are in doubt, while Gmail slows us down."""
    account = home.account("maison", "Maison", people=20)
    now = home.settings.clock.now()
    campaign = home.campaign(account, "November", Told(20, waiting=20), left=now, closed=False)
    mine = deliveries.c.campaign_id == campaign
    first = account.id * 1_000_000
    with home.store.write() as conn:
        update = deliveries.update().where(mine)
        conn.execute(update.where(deliveries.c.contact_id > first + 12).values(attempt=1, reason="greylisted",
                     due_at=now + timedelta(minutes=5)))  # fmt: skip
        conn.execute(update.where(deliveries.c.contact_id > first + 17).values(state="in_doubt"))
        conn.execute(update.where(deliveries.c.contact_id == first + 20).values(state="accepted"))
        worker = workers.enrol(conn, "test", lease_s=5, now=now)
        told = Feedback(40.0, GREETING)
        ceilings = {rates.EVERYBODY: Rate(8, 100, 40.0)}
        rates.lease(conn, worker, {"gmail": told}, channel="email", ceilings=ceilings, now=now)
    return campaign


@pytest.mark.parametrize("language", ["fr", "en"])
def test_sending_page_without_anything_says_so(bare: Home, browser: Browser, language: str) -> None:
    """Where nothing waits, the page says that, in both languages, and shows noughts."""
    bare.account("maison", "Maison")
    app = browser.open(bare, "sending", account="maison", lang=language)
    assert not app.exception
    assert not app.error
    assert {"en": "Nothing waits", "fr": "Rien n’attend"}[language] in _text(app)  # noqa: RUF001  # as French has it


def test_sending_page_shows_queue_rates_deferrals_and_doubt(bare: Home, browser: Browser) -> None:
    """What waits, what was put off and why, what is in doubt, and who slowed us down, each in its number."""
    _busy(bare)
    app = browser.open(bare, "sending", account="maison")
    assert not app.exception
    assert _tiles(app) == {"Waiting": "17", "Leaving now, per second": "40", "Put off": "5", "In doubt": "2"}
    text = _text(app)
    assert "greylisted" in text
    assert "Gmail asked us to slow down" in text
    assert "November" in text


def test_sending_page_of_another_account_shows_none_of_it(bare: Home, browser: Browser) -> None:
    """An account sees the queue of its own campaigns alone."""
    _busy(bare)
    bare.account("quiet", "Quiet")
    app = browser.open(bare, "sending", account="quiet")
    assert _tiles(app)["Waiting"] == _tiles(app)["In doubt"] == "0"
    assert "November" not in _text(app)


def test_sending_page_of_a_copy_says_that_nothing_leaves(bare: Home, browser: Browser) -> None:
    """A copied installation says so at the top, with what to do."""
    bare.account("maison", "Maison")
    with bare.store.write() as conn:
        identity.settle(conn, "elsewhere")
    app = browser.open(bare, "sending", account="maison")
    assert "sillage ops adopt" in app.error[0].value


def test_closed_campaign_offers_to_send_to_the_missing(bare: Home, browser: Browser) -> None:
    """One button opens a closed campaign again for those it has not reached, and says how many they are."""
    campaign = _busy(bare)
    with bare.store.write() as conn:
        conn.execute(deliveries.update().where(deliveries.c.state == "due").values(state="failed"))
        owner = conn.execute(deliveries.select()).first().account_id
        now = bare.settings.clock.now()
        campaigns.move(conn, owner, campaign, to="closed", only_from=("sending",), closed_at=now)
    app = browser.open(bare, "campaigns", account="maison")
    next(button for button in app.button if button.key == f"missing-campaign-{campaign}").click().run()
    with bare.store.read() as conn:
        assert campaigns.get(conn, owner, campaign).state == "sending"
        assert campaigns.balance(conn, owner, campaign)["due"] == 17
