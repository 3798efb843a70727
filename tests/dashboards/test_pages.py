"""Each page on a real installation: empty, normal and alarming. The values are asserted, not only that it draws."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from pages_world import PAGES, Browser, Home, Told
from streamlit.testing.v1 import AppTest

from sillage.domain.campaign import CampaignState
from sillage.store import accounts, campaigns, segments
from sillage.store.tables import campaigns as campaigns_table

EVERY_PAGE = sorted(path.stem for path in PAGES.glob("*.py") if not path.stem.startswith("_"))


def _metrics(app: AppTest) -> dict[str, str]:
    """The first tile of each name."""
    found: dict[str, str] = {}
    for metric in app.metric:
        found.setdefault(metric.label, metric.value)
    return found


def _press(app: AppTest, label: str) -> AppTest:
    """Press the one button that bears this label, wherever on the page it stands."""
    return next(button for button in app.button if button.label == label).click().run()


def _text(app: AppTest) -> str:
    kinds = (app.title, app.header, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_a_page_of_nobodys_account_says_how_to_get_in(bare: Home, browser: Browser, page: str) -> None:
    """Who is in no account yet is told how to get into one, and sees no error."""
    app = browser.open(bare, page)
    assert not app.error
    assert not app.exception
    assert "account" in _text(app).lower()


@pytest.mark.parametrize("page", EVERY_PAGE)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_page_of_an_account_that_has_nothing_draws(world: Home, browser: Browser, page: str, language: str) -> None:
    """An account without contacts, campaigns or figures gets words, not errors."""
    app = browser.open(world, page, account="quiet", lang=language)
    assert not app.error
    assert not app.exception


def test_another_accounts_campaign_is_unknown(world: Home, browser: Browser) -> None:
    """A deep link to a campaign of somebody else's account gets the answer of an unknown one."""
    foreign = browser.open(world, "report", account="maison", campaign=str(_campaign(world, "alarm", "Bought list")))
    unknown = browser.open(world, "report", account="maison", campaign="99999")
    assert "no campaign" in foreign.error[0].value
    assert foreign.error[0].value.split("campaign")[0] == unknown.error[0].value.split("campaign")[0]
    assert not foreign.metric


def test_an_unknown_account_is_said_to_be_unknown(world: Home, browser: Browser) -> None:
    """A wrong account in the address is an error in words, with a way on."""
    app = browser.open(world, "home", account="nobody")
    assert "no account" in app.error[0].value
    assert "Maison Sillage" in _text(app)


@pytest.mark.usefixtures("browser")
def test_wrong_settings_are_said_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are wrong are named, without a trace."""
    monkeypatch.setenv("SILLAGE_SECRET", "short")
    app = AppTest.from_file(str(PAGES / "home.py"), default_timeout=30).run()
    assert "secret must have 32 characters" in app.error[0].value
    assert not app.exception


def test_home_shows_what_runs_with_live_rates(world: Home, browser: Browser) -> None:
    """The running campaign stands on the home page with the rates of dbt's live view."""
    app = browser.open(world, "home", account="maison")
    tiles = _metrics(app)
    assert tiles["Openers"] == "40.3\u00a0%"
    assert tiles["Clickers"] == "16.1\u00a0%"
    assert "November news" in _text(app)
    assert not app.error


def test_home_names_what_is_critical(world: Home, browser: Browser) -> None:
    """An account over its limits sees each of them, with value, n and limit."""
    app = browser.open(world, "home", account="alarm")
    said = [error.value for error in app.error]
    assert any("NPAI and hard bounces of Bought list" in s and "6.7\u00a0% (160 of 2,400)" in s for s in said)
    assert any("Complaints of Bought list" in s and "Critical from 0.30\u00a0%" in s for s in said)
    assert _metrics(app)["NPAI and hard bounces"] == "6.7\u00a0%"
    assert any("critical" in markdown.value for markdown in app.markdown)


def test_the_report_agrees_with_what_was_told(world: Home, browser: Browser) -> None:
    """Every tile of the report is the rate of what happened, with its n of N."""
    app = browser.open(world, "report", account="maison", campaign=str(_campaign(world, "maison", "November news")))
    assert not app.error
    assert _metrics(app) == {
        "Openers": "40.3\u00a0%",
        "Clickers": "16.1\u00a0%",
        "Click-to-open": "40.0\u00a0%",
        "Bounces": "0.8\u00a0%",
        "Unsubscribes": "0.34\u00a0%",
        "Complaints": "0.00\u00a0%",
    }
    text = _text(app)
    assert "240 of 595" in text
    assert "Sent to 600 people" in text
    assert "16.1\u00a0% clicked, more than usual" in text


def test_the_balance_sheet_adds_up(world: Home, browser: Browser) -> None:
    """The parts of the balance sheet are the audience, whatever is still waiting."""
    app = browser.open(world, "report", account="maison", campaign=str(_campaign(world, "maison", "November news")))
    (line,) = [m.value for m in app.markdown if "recipients** =" in m.value]
    total, parts = line.split("=")
    numbers = [int(part.split()[0].replace(",", "")) for part in parts.split("+")]
    assert sum(numbers) == int(total.strip(" *").split()[0].replace(",", "")) == 1000


def test_the_report_has_the_same_figures_in_french(world: Home, browser: Browser) -> None:
    """The same campaign, in the other language: other words and signs, the same figures."""
    campaign = str(_campaign(world, "maison", "November news"))
    app = browser.open(world, "report", account="maison", campaign=campaign, lang="fr")
    assert _metrics(app)["Ouvreurs"] == "40,3\u00a0%"
    assert "Envoyé à 600 personnes" in _text(app)


def test_one_figure_is_the_same_on_two_pages(world: Home, browser: Browser) -> None:
    """The click rate of the running campaign is the same on home, list and report."""
    campaign = str(_campaign(world, "maison", "November news"))
    pages = [
        browser.open(world, "home", account="maison"),
        browser.open(world, "campaigns", account="maison", q="november"),
        browser.open(world, "report", account="maison", campaign=campaign),
    ]
    assert {_metrics(page)["Clickers"] for page in pages} == {"16.1\u00a0%"}


def test_campaigns_are_filtered_by_the_address(world: Home, browser: Browser) -> None:
    """State and name in the address choose what is listed."""
    app = browser.open(world, "campaigns", account="maison", state="closed", q="autumn 3")
    text = _text(app)
    assert "Autumn 3" in text
    assert "Autumn 4" not in text
    assert "November news" not in text


def test_a_campaign_before_the_first_build_shows_its_balance(bare: Home, browser: Browser) -> None:
    """Without marts the report has the balance of ops and says when rates come."""
    account = bare.account("early", "Early", people=3)
    campaign = _running(bare, account)
    app = browser.open(bare, "report", campaign=str(campaign))
    assert any("**3 recipients**" in m.value for m in app.markdown)
    assert "first build" in app.info[0].value
    assert not app.error


def test_pause_resume_and_cancel_ask_with_the_number(bare: Home, browser: Browser) -> None:
    """What can't be undone names how many people it takes the message from, and does it."""
    account = bare.account("early", "Early", people=3)
    campaign = _running(bare, account)
    app = browser.open(bare, "campaigns")
    app.button(key=f"pause-campaign-{campaign}").click().run()
    assert _state(bare, account, campaign) is CampaignState.PAUSED
    app.button(key=f"resume-campaign-{campaign}").click().run()
    assert _state(bare, account, campaign) is CampaignState.SENDING
    app = browser.open(bare, "campaigns")
    assert "3 people have not got it yet and never will" in _text(app)
    app.button(key=f"cancel-campaign-{campaign}").click().run()
    assert _state(bare, account, campaign) is CampaignState.CANCELLED


def _new_campaign(home: Home, browser: Browser) -> AppTest:
    home.account("early", "Early", people=6)
    app = browser.open(home, "new_campaign")
    app.text_input(key="name").set_value("Spring")
    app.text_input(key="subject_A").set_value("Hello {{ first_name | default: 'you' }}")
    app.multiselect(key="include").set_value(["Readers"])
    return app.run()


def test_a_campaign_is_written_and_scheduled_by_the_form(bare: Home, browser: Browser) -> None:
    """The form's last button says to how many people it sends, and schedules one campaign."""
    app = _new_campaign(bare, browser)
    assert _metrics(app)["People who get it, as of now"] == "6"
    app.segmented_control(key="when").set_value("now").run()
    assert app.button(key="create").label == "Send to 6 people"
    app.button(key="create").click().run()
    assert not app.error
    with bare.store.read() as conn:
        (found,) = campaigns.listed(conn, accounts.only_account(conn).id)
    assert (found.name, found.state) == ("Spring", CampaignState.SCHEDULED)


def test_a_second_version_gets_its_share(bare: Home, browser: Browser) -> None:
    """In fixed shares two variants are written, whose shares add up to one."""
    app = _new_campaign(bare, browser)
    app.segmented_control(key="versions").set_value(2).run()
    app.segmented_control(key="way").set_value("shares").run()
    app.slider(key="share").set_value(30)
    app.text_input(key="subject_A").set_value("One")
    app.text_input(key="subject_B").set_value("Two")
    app.run().button(key="create").click().run()
    assert not app.error
    with bare.store.read() as conn:
        account = accounts.only_account(conn)
        (found,) = campaigns.listed(conn, account.id)
        variants = campaigns.variants_of(conn, account.id, found.id)
    assert [(v.name, v.share, v.source.subject) for v in variants] == [("A", 0.7, "One"), ("B", 0.3, "Two")]


def test_a_template_that_does_not_parse_changes_nothing(bare: Home, browser: Browser) -> None:
    """The error stands on the page in words, the form keeps what was typed, and ops has no campaign."""
    app = _new_campaign(bare, browser)
    app.text_area(key="source_A").set_value("<mjml><mj-body><mj-section>")
    app.run().button(key="create").click().run()
    assert "Nothing was changed" in app.error[0].value
    assert app.text_input(key="name").value == "Spring"
    with bare.store.read() as conn:
        assert campaigns.listed(conn, accounts.only_account(conn).id) == []


def test_a_campaign_that_can_not_be_scheduled_is_not_made(bare: Home, browser: Browser) -> None:
    """Without a legal identity nothing is scheduled, and no draft is left behind either."""
    account = bare.account("early", "Early", people=2, legal=False)
    app = browser.open(bare, "new_campaign")
    app.text_input(key="name").set_value("Spring")
    app.text_input(key="subject_A").set_value("Hello")
    app.multiselect(key="include").set_value(["Readers"])
    app.segmented_control(key="when").set_value("now")
    app.run().button(key="create").click().run()
    assert "legal name" in app.error[0].value
    with bare.store.read() as conn:
        assert campaigns.listed(conn, account.id) == []


def test_a_segment_is_counted_while_it_is_built_and_saved(bare: Home, browser: Browser) -> None:
    """Two lines joined by all: the count is live, the saved tree is what the page said."""
    account = bare.account("early", "Early", people=6)
    app = browser.open(bare, "segments")
    app.selectbox(key="segment_what_0").set_value("first_name").run()
    app.text_input(key="segment_value_0").set_value("ana").run()
    assert _metrics(app)["Contacts in it, as of now"] == "3"
    app.button(key="segment_add").click().run()
    app.selectbox(key="segment_what_1").set_value("provider").run()
    app.selectbox(key="segment_op_1").set_value("in").run()
    app.text_input(key="segment_value_1").set_value("outlook, gmail").run()
    assert _metrics(app)["Contacts in it, as of now"] == "2"
    app.text_input(key="segment_name").set_value("Anas at Outlook").run()
    app.button(key="segment_save").click().run()
    assert not app.error
    with bare.store.read() as conn:
        saved = segments.by_name(conn, account.id, "Anas at Outlook")
    assert saved.tree.kind == "and"
    assert saved.tree.parts[1].value == ["outlook", "gmail"]


def test_a_segment_that_can_not_be_is_an_error_in_words(bare: Home, browser: Browser) -> None:
    """Text where a number belongs names the field; the page goes on."""
    bare.account("early", "Early", people=2)
    app = browser.open(bare, "segments")
    app.selectbox(key="segment_what_0").set_value("birthday").run()
    app.selectbox(key="segment_op_0").set_value("less").run()
    app.text_input(key="segment_value_0").set_value("yesterday").run()
    assert "takes a number" in app.error[0].value


def test_contacts_are_counted_with_the_reasons_why_not(world: Home, browser: Browser) -> None:
    """The stock is all contacts, those that marketing may reach, and the groups with their sizes."""
    app = browser.open(world, "contacts", account="maison")
    assert _metrics(app)["Contacts"] == "1,000"
    assert _metrics(app)["Marketing may reach"] == "1,000"
    assert "| Readers | 1,000 |" in _text(app)


def test_a_sender_is_added(bare: Home, browser: Browser) -> None:
    """A declared address becomes a verified sender; a broken one is refused in words."""
    account = bare.account("early", "Early")
    app = browser.open(bare, "account")
    app.text_input(key="sender_name").set_value("Early Birds")
    app.text_input(key="sender_email").set_value("not an address")
    app.checkbox(key="sender_ours").set_value(True)
    _press(app, "Add the sender")
    assert app.error
    app.text_input(key="sender_email").set_value("birds@early.example")
    _press(app, "Add the sender")
    assert not app.error
    with bare.store.read() as conn:
        added = campaigns.senders_of(conn, account.id)[-1]
    assert (added.name, added.email) == ("Early Birds", "birds@early.example")
    assert added.verified_at is not None


def test_pages_only_arrange() -> None:
    """No page is longer than 120 lines."""
    assert {path.name: n for path in PAGES.glob("*.py") if (n := len(path.read_text().splitlines())) > 120} == {}


def _campaign(home: Home, slug: str, name: str) -> int:
    with home.store.read() as conn:
        return campaigns.by_name(conn, accounts.by_slug(conn, slug).id, name).id


def _running(home: Home, account: accounts.Account) -> int:
    """A campaign under way to three people, none of whom has got it."""
    return home.campaign(
        account, "Now", Told(3, waiting=3), left=home.settings.clock.now(), closed=False
    )  # fmt: skip


def _state(home: Home, account: accounts.Account, campaign: int) -> CampaignState:
    with home.store.read() as conn:
        state = conn.execute(
            sa.select(campaigns_table.c.state).where(
                campaigns_table.c.account_id == account.id, campaigns_table.c.id == campaign
            )
        ).scalar_one()
    return CampaignState(state)


def test_spam_test_scores_the_draft_and_fixes_what_a_machine_can(bare: Home, browser: Browser) -> None:
    """A shouting subject costs points, each with its advice; "fix it" takes them away and keeps the words."""
    app = _new_campaign(bare, browser)
    app.text_input(key="subject_A").set_value("GREAT AUTUMN SALE!!").run()
    assert "The subject is in capitals" in _text(app)
    app.button(key="fix_A_subject.capitals").click().run()
    app.button(key="fix_A_subject.marks").click().run()
    assert app.text_input(key="subject_A").value == "Great autumn sale"
    assert "The subject is in capitals" not in _text(app)


def test_deliverability_says_what_stopped_and_what_to_do(world: Home, browser: Browser) -> None:
    """The alarming account: a bad part of its list with its figures and advice, the demands ticked, the four rates."""
    app = browser.open(world, "deliverability", account="alarm", lang="en")
    text = _text(app)
    assert not app.error or all("could not be drawn" not in e.value for e in app.error)
    assert not app.exception
    assert "Nothing has stopped by itself." in text
    assert "NPAI and hard bounces. These addresses are old or were never right" in text
    assert ":green[:material/check_circle:] met | One-click unsubscribe" in text
    assert ":gray[:material/help:] to be checked by hand | SPF for the sending servers" in text
    assert {expander.label for expander in app.expander} >= {"Bounces", "Unsubscribes", "Complaints", "Click-to-open"}


def test_a_file_of_people_not_reached_holds_no_formula() -> None:
    """CSV and XLSX neutralise what a spreadsheet would run, and keep control characters out."""
    from io import BytesIO

    from openpyxl import load_workbook

    from dashboards import undelivered

    row = {"contact_id": 7, "email": "=cmd()@x.example", "provider": "gmail", "bounce_class": "npai",
           "bounce_reason": "unknown_user", "said": "+1\x00\x0b gone", "bounced_via": "mail",
           "bounced_at": None}  # fmt: skip
    text = undelivered.as_csv([row]).decode("utf-8-sig")
    assert "'=cmd()@x.example" in text
    assert "'+1" in text
    sheet = load_workbook(BytesIO(undelivered.as_xlsx([row]))).active
    assert sheet is not None
    assert [cell.value for cell in sheet[2]][:2] == [7, "'=cmd()@x.example"]
