"""A test of versions on the pages: sizes proposed in words, the verdict with its picture, the winner by hand."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pages_world import Browser, Home, new_home

from dashboards.ab_chart import lifts, posterior_rows, posteriors
from dashboards.words import Words
from sendworker.scheduler import Scheduler
from sillage.campaign.create import create_campaign, parse_spec
from sillage.campaign.plan import plan_campaign
from sillage.campaign.schedule import schedule
from sillage.domain.ab_test import Criterion, Decide, Otherwise
from sillage.domain.ab_verdict import Count
from sillage.domain.ids import CampaignId
from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, event_id
from sillage.lake.foundation import lay_foundation
from sillage.store import ab_tests, accounts, campaigns, outbox
from sillage.store.tables import deliveries

BODY = '<p>Hello <a href="https://shop.example/">shop</a></p>'


def trial(
    home: Home, *, clicks: tuple[int, int] = (20, 90), hours: float = 6.2, slug: str = "trial", **test: object
) -> CampaignId:
    """An account of 1,000 people with a test of 2 x 300 that left some hours ago."""
    account = home.account(slug, slug.title(), people=1_000)
    now = home.settings.clock.now()
    raw = {
        "name": "Two subjects", "sender": {"name": slug.title(), "email": f"news@{slug}.example"},
        "include": ["Readers"],
        "variants": [{"name": n, "subject": f"Subject {n}", "html": BODY} for n in "AB"],
        "test": {"size": 300, "decide": "by_hand", **test},
    }  # fmt: skip
    with home.store.write() as conn:
        campaign = create_campaign(conn, home.settings, account, parse_spec(raw, where="test"), now=now)
        schedule(conn, account.id, campaign, send_at=now)
    plan_campaign(home.store, home.settings, account.id, campaign)
    Scheduler(home.store, home.settings).tick(now)
    sent_at = now - timedelta(hours=hours)
    with home.store.write() as conn:
        due = (deliveries.c.campaign_id == campaign, deliveries.c.state == "due")
        rows = list(conn.execute(sa.select(deliveries).where(*due)))
        conn.execute(deliveries.update().where(*due).values(state="accepted", attempt=1))
        left = dict(zip(sorted({r.variant_id for r in rows}), clicks, strict=True))
        for row in rows:
            told = [(EventType.ACCEPTED, sent_at, {"attempt": 1, "opens_measured": True})]
            if left[row.variant_id] > 0:
                left[row.variant_id] -= 1
                told.append((EventType.CLICKED, sent_at + timedelta(minutes=20), {"link": 1}))
            outbox.record(conn, [
                Event(id=event_id("trial", kind, campaign, row.contact_id), type=kind, account_id=account.id,
                      campaign_id=campaign, variant_id=row.variant_id, contact_id=row.contact_id,
                      provider=row.provider, occurred_at=at, recorded_at=at, **more)  # type: ignore[arg-type]
                for kind, at, more in told
            ])  # fmt: skip
    collect_once(home.settings, home.store)
    return campaign


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An installation with empty marts."""
    found = new_home(tmp_path / "ab")
    lay_foundation(found.settings)
    return found


def said(app: object) -> str:
    return " ".join(m.value for m in [*app.markdown, *app.caption])  # type: ignore[attr-defined]


def test_the_report_says_the_verdict_and_a_person_chooses(home: Home, browser: Browser) -> None:
    """Far apart: B is ahead beyond chance, with both rates and the difference; the button sends it to the rest."""
    campaign = trial(home)
    app = browser.open(home, "report", campaign=str(campaign))
    assert not app.exception
    assert "B is ahead of all others beyond chance" in said(app)
    assert "400 people wait for the winner" in said(app)
    assert "now 6 of 24 hours" in said(app)
    table = next(m.value for m in app.markdown if "Chance to be best" in m.value)
    assert "| A | 300 | 20 | 6.67" in table
    assert "| B | 300 | 90 | 30.00" in table
    assert "+23." in table
    button = app.button(key="choose_1")
    assert button.label == "Send it to 400 people"
    button.click().run()
    assert not app.exception
    assert not app.error
    Scheduler(home.store, home.settings).tick(home.settings.clock.now())
    with home.store.read() as conn:
        account = accounts.only_account(conn)
        assert campaigns.balance(conn, account.id, campaign).counts == {"accepted": 600, "due": 400}
        kept = ab_tests.of_campaign(conn, account.id, campaign)
    assert kept is not None
    assert kept.decision is not None
    assert kept.decision.by == "page"
    again = browser.open(home, "report", campaign=str(campaign))
    assert "Chosen by hand: the rest gets version B." in said(again)
    assert not [b for b in again.button if b.key and b.key.startswith("choose_")]


def test_a_report_without_a_verdict_says_why(home: Home, browser: Browser) -> None:
    """Nobody clicked: too early to say, and rates are of people, not dashes of nobody."""
    campaign = trial(home, clicks=(0, 0))
    app = browser.open(home, "report", campaign=str(campaign))
    assert not app.exception
    assert "Too early to say" in said(app)


@pytest.mark.parametrize(("versions", "shown"), [(2, "2 \u00d7 "), (5, "5 \u00d7 ")])
def test_the_form_proposes_the_size_in_words(home: Home, browser: Browser, versions: int, shown: str) -> None:
    """How many people a test needs for which difference, what is left, and that the rates are assumed."""
    home.account("maison", "Maison", people=50)
    app = browser.open(home, "new_campaign")
    app.segmented_control(key="versions").set_value(versions).run()
    app.multiselect(key="include").set_value(["Readers"]).run()
    assert not app.exception
    text = said(app)
    assert "with 80 % certainty within 24 hours" in text
    assert shown in text
    assert "Your audience has 50: too few" in text
    assert "these are assumed" in text


def test_a_test_is_written_by_the_form(home: Home, browser: Browser) -> None:
    """Two versions, one of which leaves later, a size of one's own, and what is done at an open end."""
    home.account("maison", "Maison", people=50)
    app = browser.open(home, "new_campaign")
    app.text_input(key="name").set_value("Spring")
    app.segmented_control(key="versions").set_value(2).run()
    app.text_input(key="subject_A").set_value("One")
    app.text_input(key="subject_B").set_value("Two")
    app.multiselect(key="include").set_value(["Readers"])
    app.number_input(key="after_B").set_value(6)
    app.run()
    app.segmented_control(key="otherwise").set_value("nobody")
    app.selectbox(key="criterion").set_value("clicks")
    size = next(n for n in app.number_input if n.key and n.key.startswith("size_"))
    size.set_value(20)
    app.run().button(key="create").click().run()
    assert not app.error
    with home.store.read() as conn:
        account = accounts.only_account(conn)
        (found,) = campaigns.listed(conn, account.id)
        kept = ab_tests.of_campaign(conn, account.id, found.id)
        offsets = Counter(v.offset_s for v in campaigns.variants_of(conn, account.id, found.id))
    assert kept is not None
    assert (kept.test.size, kept.test.is_exact, kept.test.otherwise) == (20, True, "nobody")
    assert offsets == {0: 1, 6 * 3600: 1}


def test_a_test_in_the_form_outlives_a_reload(home: Home, browser: Browser) -> None:
    """Versions, settings of the test, a version's own sender and time, and what was written are there again."""
    account = home.account("maison", "Maison", people=50)
    now = home.settings.clock.now()
    with home.store.write() as conn:
        campaigns.add_sender(conn, account.id, "Camille", "camille@maison.example", now=now, verified_at=now)
    app = browser.open(home, "new_campaign")
    app.text_input(key="name").set_value("Spring").run()
    app.segmented_control(key="versions").set_value(3).run()
    app.text_input(key="subject_C").set_value("Three")
    own = next(sender for sender in app.selectbox(key="sender_B").options if "camille" in sender)
    app.selectbox(key="sender_B").select(own)
    app.number_input(key="after_B").set_value(6)
    app.selectbox(key="criterion").set_value(Criterion.OPENS).run()
    app.number_input(key="lift_opens").set_value(5.5)
    app.number_input(key="hours").set_value(48)
    app.segmented_control(key="decide").set_value(Decide.BY_HAND)
    app.segmented_control(key="otherwise").set_value(Otherwise.NOBODY)
    app.number_input(key="hold_out").set_value(4)
    app.run()
    size = next(n for n in app.number_input if n.key and n.key.startswith("size_"))
    size.set_value(7)
    app.run()
    (draft,) = app.query_params["draft"]
    again = browser.open(home, "new_campaign", draft=draft)
    assert not again.exception
    # The sample content's own links are told of, and nothing else.
    assert {warning.icon for warning in again.warning} == {":material/imagesmode:"}
    assert again.segmented_control(key="versions").value == 3
    assert again.text_input(key="subject_C").value == "Three"
    assert again.selectbox(key="sender_B").value.email == "camille@maison.example"
    assert again.selectbox(key="criterion").value is Criterion.OPENS
    assert again.segmented_control(key="decide").value is Decide.BY_HAND
    assert again.segmented_control(key="otherwise").value is Otherwise.NOBODY
    numbers = {key: again.number_input(key=key).value for key in ("after_B", "lift_opens", "hours", "hold_out")}
    assert numbers == {"after_B": 6, "lift_opens": 5.5, "hours": 48, "hold_out": 4}
    assert again.number_input(key=size.key).value == 7


def test_shares_in_the_form_outlive_a_reload(home: Home, browser: Browser) -> None:
    """Fixed shares stay as they were set, for two versions and for more."""
    home.account("maison", "Maison", people=50)
    app = browser.open(home, "new_campaign")
    app.text_input(key="name").set_value("Spring").run()
    app.segmented_control(key="versions").set_value(3).run()
    app.segmented_control(key="way").set_value("shares").run()
    app.number_input(key="share_B").set_value(20)
    app.number_input(key="share_C").set_value(30)
    app.run()
    (draft,) = app.query_params["draft"]
    again = browser.open(home, "new_campaign", draft=draft)
    assert again.segmented_control(key="way").value == "shares"
    assert [again.number_input(key=f"share_{n}").value for n in "BC"] == [20, 30]
    again.segmented_control(key="versions").set_value(2).run()
    again.slider(key="share").set_value(10).run()
    assert browser.open(home, "new_campaign", draft=draft).slider(key="share").value == 10


def test_the_pictures_carry_what_they_show() -> None:
    """Curves are named once at their tops, differences have a line at nought, and both are saved with their rows."""
    words = Words("en", "UTC")
    rows = posterior_rows({1: "A", 2: "B"}, {1: Count(300, 20), 2: Count(300, 90)})
    assert Counter(row["label"] for row in rows if row["is_top"]) == {"A": 1, "B": 1}
    top = {row["label"]: row["rate"] for row in rows if row["is_top"]}
    assert top["A"] == pytest.approx(20 / 300, abs=0.01)
    assert top["B"] == pytest.approx(90 / 300, abs=0.01)
    drawn = json.loads(posteriors(rows, words, title="x").to_json())
    assert len(drawn["datasets"]["rows"]) == len(rows)
    line = lifts([{"label": "B", "lift": 0.2, "low": 0.1, "high": 0.3, "text": "+20 %"}], words, title="x")
    assert '"at": 0' in line.to_json()
    assert len(json.loads(line.to_json())["layer"]) == 3
