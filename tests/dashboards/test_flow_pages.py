"""What goes on around a campaign, on its pages: tests to colleagues, approval, copies, once more."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from pages_world import MJML, Browser, Home, Told
from streamlit.testing.v1 import AppTest

from sillage.campaign import recurring
from sillage.campaign.create import create_campaign, parse_spec
from sillage.campaign.schedule import schedule
from sillage.domain.campaign import CampaignState, SourceKind
from sillage.domain.ids import CampaignId
from sillage.domain.sign_in import Role
from sillage.store import ab_tests, accounts, campaigns, drafts, recurrences, trial_mails, users
from sillage.store.accounts import Account
from sillage.store.drafts import Written
from sillage.store.recurrences import OccurrenceState


@pytest.fixture
def maison(bare: Home) -> Account:
    """An account of its own with five readers."""
    return bare.account("maison", "Maison Sillage", people=5)


def text(app: AppTest) -> str:
    kinds = (app.title, app.header, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info,
             app.success)  # fmt: skip
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def draft(home: Home, account: Account, **form: object) -> int:
    written = Written(SourceKind.MJML, MJML, "Lamps for {{ first_name | default: 'you' }}", "")
    with home.store.write() as conn:
        made = drafts.create(conn, account.id, "Lamps", written, by=None, now=home.settings.clock.now(), form=form)
    return made.id


def test_a_draft_is_sent_to_colleagues_for_a_look(bare: Home, browser: Browser, maison: Account) -> None:
    """From the editor: to whom, with whose data; what was queued is listed, and a wrong address is told in words."""
    app = browser.open(bare, "editor", draft=str(draft(bare, maison)))
    key = f"draft_{app.query_params['draft'][0]}"
    assert app.text_area(key=f"trial_to_{key}").value == "owner@maison.example"
    app.text_area(key=f"trial_to_{key}").set_value("ada@maison.example, bob@maison.example")
    app.text_input(key=f"trial_contact_{key}").set_value("c1@").run()
    app.button(key=f"trial_go_{key}").click().run()
    assert "2 test mails are on their way" in text(app)
    assert "ada@maison.example · on its way" in text(app).replace("\\", "")
    with bare.store.read() as conn:
        found = trial_mails.listed(conn, maison.id)
    assert {m.label for m in found} == {"[Test] Lamps for Ana"}
    app.text_area(key=f"trial_to_{key}").set_value("nobody").run()
    app.button(key=f"trial_go_{key}").click().run()
    assert "mail address" in app.error[0].value


def waiting(home: Home, account: Account, name: str = "Lamps") -> CampaignId:
    """A campaign that a member made ready, in an account that wants approval."""
    home.sign_in(account.slug, Role.MEMBER)
    now = home.settings.clock.now()
    with home.store.write() as conn:
        accounts.set_approval(conn, account.id, needed=True)
        author = users.by_email(conn, f"member@{account.slug}.example")
        assert author is not None
        spec = home._spec(account, name)
        made = create_campaign(conn, home.settings, account, spec, now=now, by=author.id)
        schedule(conn, account.id, made, send_at=now + timedelta(days=1), by=author.id, now=now)
    return made


def state(home: Home, account: Account, campaign: CampaignId) -> CampaignState:
    with home.store.read() as conn:
        return campaigns.get(conn, account.id, campaign).state


@pytest.mark.parametrize("language", ["en", "fr"])
def test_home_says_what_waits_for_whom(bare: Home, browser: Browser, maison: Account, language: str) -> None:
    """Another member is asked to look; the author is not."""
    waiting(bare, maison)
    home = browser.open(bare, "home", lang=language)
    assert {"en": "waits for your approval", "fr": "attend votre approbation"}[language] in text(home)
    browser.sign_in(bare.sign_in("maison", Role.MEMBER))
    assert "your approval" not in text(home.run())


def test_another_member_approves_what_they_see(bare: Home, browser: Browser, maison: Account) -> None:
    """The page shows audience, time and mail; approved, it is scheduled, and the page says by whom."""
    made = waiting(bare, maison)
    app = browser.open(bare, "approvals", campaign=str(made))
    assert not app.exception
    assert "Lamps for you" in text(app)
    assert {m.label: m.value for m in app.metric}["People who get it, as of now"] == "5"
    app.button(key=f"approve_{made}").click().run()
    assert state(bare, maison, made) is CampaignState.SCHEDULED
    assert "approved by Ada" in text(app)


def test_a_refusal_asks_for_words_and_the_author_reads_them(bare: Home, browser: Browser, maison: Account) -> None:
    """Without words nothing happens; with them it is a draft, and the author's home says why."""
    made = waiting(bare, maison)
    app = browser.open(bare, "approvals", campaign=str(made))
    app.button(key=f"refuse_{made}").click().run()
    assert "say why" in app.error[0].value
    app.text_input(key=f"approval_words_{made}").set_value("wrong price")
    app.button(key=f"refuse_{made}").click().run()
    assert state(bare, maison, made) is CampaignState.DRAFT
    home = browser.open(bare, "home")
    assert "wrong price" not in text(home)
    browser.sign_in(bare.sign_in("maison", Role.MEMBER))
    assert "wrong price" in text(home.run())


def test_the_author_finds_no_answer_to_give(bare: Home, browser: Browser, maison: Account) -> None:
    """Who made it is told to wait for somebody else."""
    made = waiting(bare, maison)
    app = browser.open(bare, "approvals", campaign=str(made))
    browser.sign_in(bare.sign_in("maison", Role.MEMBER))
    app.run()
    assert "nobody approves what they made" in text(app)
    assert not [b for b in app.button if b.key == f"approve_{made}"]


def test_the_setting_is_an_owners_and_warns_who_is_alone(bare: Home, browser: Browser, maison: Account) -> None:
    """Turned on by an owner who is alone, it says that nobody could approve; a member can't turn it."""
    app = browser.open(bare, "account")
    app.toggle(key="needs_approval").set_value(True).run()
    assert "nobody could approve" in text(app)
    with bare.store.read() as conn:
        assert accounts.by_id(conn, maison.id).needs_approval
    browser.sign_in(bare.sign_in("maison", Role.MEMBER))
    assert app.run().toggle(key="needs_approval").disabled


def test_the_form_asks_for_approval(bare: Home, browser: Browser, maison: Account) -> None:
    """With the setting on the last button says that it asks, and the campaign waits."""
    waiting(bare, maison)
    app = browser.open(bare, "new_campaign")
    app.text_input(key="name").set_value("Wool")
    app.text_input(key="subject_A").set_value("Wool")
    app.multiselect(key="include").set_value(["Readers"])
    app.segmented_control(key="when").set_value("now").run()
    assert app.button(key="create").label == "Ask for approval: 5 people"
    app.button(key="create").click().run()
    with bare.store.read() as conn:
        assert campaigns.by_name(conn, maison.id, "Wool").state is CampaignState.APPROVAL


def test_a_copy_opens_in_the_form_with_its_test(bare: Home, browser: Browser, maison: Account) -> None:
    """Duplicate fills the form of another campaign: versions, test, audience, a name of its own; no box warns."""
    now = bare.settings.clock.now()
    raw = {
        "name": "Lamps", "sender": {"name": maison.name, "email": "news@maison.example"}, "include": ["Readers"],
        "variants": [{"name": n, "subject": f"Subject {n}", "mjml": MJML} for n in "AB"],
        "test": {"size": 2, "criterion": "opens", "decide_after_hours": 6, "lift": 0.07},
    }  # fmt: skip
    with bare.store.write() as conn:
        made = create_campaign(conn, bare.settings, maison, parse_spec(raw, where="test"), now=now)
    app = browser.open(bare, "report", campaign=str(made))
    app.button(key=f"copy-campaign-{made}").click().run()
    with bare.store.read() as conn:
        (draft,) = drafts.listed(conn, maison.id)
    form = browser.open(bare, "new_campaign", draft=str(draft.id))
    assert not form.exception
    assert not form.warning
    assert form.text_input(key="name").value == "Copie de « Lamps »"
    assert form.multiselect(key="include").value == ["Readers"]
    assert [form.text_input(key=f"subject_{n}").value for n in "AB"] == ["Subject A", "Subject B"]
    assert form.selectbox(key="criterion").value == "opens"
    assert (form.number_input(key="hours").value, form.number_input(key="lift_opens").value) == (6, 7.0)
    assert next(n.value for n in form.number_input if n.label == "People of each version") == 2
    form.button(key="create").click().run()
    with bare.store.read() as conn:
        copy = campaigns.by_name(conn, maison.id, "Copie de « Lamps »")
        test = ab_tests.of_campaign(conn, maison.id, copy.id)
    assert test is not None
    assert (test.test.size, test.test.hours, test.test.criterion) == (2, 6, "opens")


def test_the_page_says_how_many_did_not_react_and_why_fewer_get_it(world: Home, browser: Browser) -> None:
    """Of 1,000 readers 10 bounced and 200 clicked: 790 get it again; non-openers are fewer, with why."""
    with world.store.read() as conn:
        account = accounts.by_slug(conn, "maison")
        autumn = campaigns.by_name(conn, account.id, "Autumn 1").id
    app = browser.open(world, "again", account="maison", campaign=str(autumn))
    assert not app.exception
    assert app.metric[1].value == "790"
    assert app.button(key="again_make").label == "Make the draft for 790 people"
    app.segmented_control(key="again_to").set_value("non_openers").run()
    assert app.metric[1].value == "490"
    assert "990 of the 990 whom it reached" in text(app)
    app.button(key="again_make").click().run()
    assert "another subject" in app.error[0].value


def test_a_recurring_campaign_is_begun_paused_and_ended(bare: Home, browser: Browser, maison: Account) -> None:
    """The form says the next times, begins it, and the list has its rule in words and its buttons."""
    draft(bare, maison, name="Lamps", kind="marketing", sender=1, include=["Readers"])
    app = browser.open(bare, "recurring")
    assert "Nothing recurs yet" in text(app)
    app.text_input(key="recurring_name").set_value("Weekly lamps")
    app.multiselect(key="recurring_days").set_value([0, 3]).run()
    assert "Next: " in text(app)
    app.button(key="recurring_begin").click().run()
    assert not app.exception
    assert not app.error
    assert "each Monday and Thursday at 09:00" in text(app)
    app.button(key="recurring_pause_1").click().run()
    app.button(key="recurring_resume_1").click().run()
    app.button(key="recurring_end_1").click().run()
    with bare.store.read() as conn:
        (held,) = recurrences.listed(conn, maison.id)
    assert (held.state, held.rule) == ("ended", "0 9 * * MON,THU")


def test_what_can_not_recur_is_told_in_words(bare: Home, browser: Browser, maison: Account) -> None:
    """A draft whose form was never filled, and a cron line that is none, are errors on the page."""
    draft(bare, maison)
    app = browser.open(bare, "recurring")
    app.text_input(key="recurring_name").set_value("Weekly")
    app.button(key="recurring_begin").click().run()
    assert "sender" in app.error[0].value
    app.segmented_control(key="recurring_how").set_value("cron").run()
    app.text_input(key="recurring_cron").set_value("each day").run()
    assert "five fields" in app.error[0].value


def test_home_tells_what_could_not_be_made(bare: Home, browser: Browser, maison: Account) -> None:
    """A time that failed stands under what needs you, with its reason."""
    now = bare.settings.clock.now()
    made = draft(bare, maison, name="Lamps", kind="marketing", sender=1, include=["Readers"])
    with bare.store.write() as conn:
        one = recurring.begin(
            conn, bare.settings, maison, name="Weekly", draft_id=made, rule="0 9 * * *", grace=timedelta(hours=1),
            by=None, now=now,
        )  # fmt: skip
        recurrences.note(conn, maison.id, one.id, now, OccurrenceState.FAILED, words="its sender is gone", now=now)
    assert "its sender is gone" in text(browser.open(bare, "home"))
    assert "its sender is gone" in text(browser.open(bare, "recurring"))


def test_the_calendar_has_what_left_what_will_and_what_recurs(bare: Home, browser: Browser, maison: Account) -> None:
    """Each on its day in the account's zone, with a link to it; nothing a name holds is markup."""
    now = bare.settings.clock.now()
    left = bare.campaign(maison, "Sent <b>once</b>", Told(5), left=now)
    with bare.store.write() as conn:
        later = create_campaign(conn, bare.settings, maison, bare._spec(maison, "Soon"), now=now)
        schedule(conn, maison.id, later, send_at=now + timedelta(minutes=5), now=now)
        made = drafts.create(
            conn, maison.id, "Lamps", Written(SourceKind.MJML, MJML, "S"), by=None, now=now,
            form={"name": "L", "sender": 1, "include": ["Readers"]},
        )  # fmt: skip
        recurring.begin(
            conn, bare.settings, maison, name="Daily", draft_id=made.id, rule="30 5 * * *", grace=timedelta(hours=1),
            by=None, now=now,
        )  # fmt: skip
    month = f"{(now + timedelta(minutes=5)).astimezone(ZoneInfo('Europe/Paris')):%Y-%m}"
    app = browser.open(bare, "calendar", month=month, account="maison")
    assert not app.exception
    (shown,) = [str(e.proto.body) for e in app.get("html") if '<div class="sl-cal' in str(e.proto.body)]
    assert f"report?lang=en&amp;account=maison&amp;campaign={left}" in shown
    assert "Sent &lt;b&gt;once&lt;/b&gt;" in shown
    assert f"campaign={later}" in shown
    following = browser.open(bare, "calendar", month=f"{now + timedelta(days=40):%Y-%m}")
    (shown,) = [str(e.proto.body) for e in following.get("html") if '<div class="sl-cal' in str(e.proto.body)]
    assert shown.count("05:30") >= 28
    assert "Sent" not in shown


def test_a_scheduled_campaign_is_moved_by_the_form(bare: Home, browser: Browser, maison: Account) -> None:
    """Its new time is what the account's clock is to show; a time that has passed is refused in words."""
    now = bare.settings.clock.now()
    with bare.store.write() as conn:
        made = create_campaign(conn, bare.settings, maison, bare._spec(maison, "Soon"), now=now)
        schedule(conn, maison.id, made, send_at=now + timedelta(days=1), now=now)
    app = browser.open(bare, "calendar")
    wanted = (
        (now + timedelta(days=3)).astimezone(ZoneInfo("Europe/Paris")).replace(tzinfo=None, second=0, microsecond=0)
    )
    app.datetime_input(key=f"calendar_at_{made}").set_value(wanted).run()
    app.button(key="calendar_move").click().run()
    assert not app.exception
    with bare.store.read() as conn:
        found = campaigns.get(conn, maison.id, made)
    assert found.send_at == wanted.replace(tzinfo=ZoneInfo("Europe/Paris"))
    app.datetime_input(key=f"calendar_at_{made}").set_value(wanted - timedelta(days=30)).run()
    app.button(key="calendar_move").click().run()
    assert "has passed" in app.error[0].value


@pytest.mark.parametrize("month", ["2026-13", "x", "", "9999-12", "0000-01"])
def test_the_calendar_of_no_month_is_this_month(bare: Home, browser: Browser, maison: Account, month: str) -> None:
    """Whatever stands in the address, a month is shown."""
    assert maison
    app = browser.open(bare, "calendar", month=month)
    assert not app.exception
    assert not app.error
    assert f"{bare.settings.clock.now():%Y}" in text(app)


def test_a_second_click_schedules_once(bare: Home, browser: Browser, maison: Account) -> None:
    """Two clicks on the last button make one campaign, and the second is no error."""
    app = browser.open(bare, "new_campaign")
    app.text_input(key="name").set_value("Wool")
    app.text_input(key="subject_A").set_value("Wool")
    app.multiselect(key="include").set_value(["Readers"])
    app.segmented_control(key="when").set_value("now").run()
    for _ in range(2):
        app.button(key="create").click().run()
        assert not app.error
    with bare.store.read() as conn:
        assert [c.state for c in campaigns.listed(conn, maison.id)] == [CampaignState.SCHEDULED]


def test_what_waits_is_scheduled_by_hand_once_nobody_asks_for_approval(
    bare: Home, browser: Browser, maison: Account
) -> None:
    """The setting was turned off: whoever looks may let it leave at its time."""
    made = waiting(bare, maison)
    with bare.store.write() as conn:
        accounts.set_approval(conn, maison.id, needed=False)
    app = browser.open(bare, "approvals", campaign=str(made))
    app.button(key=f"without_{made}").click().run()
    assert not app.exception
    assert state(bare, maison, made) is CampaignState.SCHEDULED


def test_another_form_of_the_same_name_is_told_that_it_is_taken(bare: Home, browser: Browser, maison: Account) -> None:
    """Only the very same form is the same click; another content under the same name is refused in words."""
    app = browser.open(bare, "new_campaign")
    app.text_input(key="name").set_value("Wool")
    app.text_input(key="subject_A").set_value("Wool")
    app.multiselect(key="include").set_value(["Readers"]).run()
    app.button(key="create").click().run()
    app.text_input(key="subject_A").set_value("Silk").run()
    app.button(key="create").click().run()
    assert "already" in app.error[0].value
    with bare.store.read() as conn:
        assert len(campaigns.listed(conn, maison.id)) == 1
