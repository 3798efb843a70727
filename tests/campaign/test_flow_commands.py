"""What goes on around a campaign, by commands: a test, approval by named members, copies, once more, recurring ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from sillage.commands import account as account_commands
from sillage.commands import campaign as campaign_commands
from sillage.commands import recurring as recurring_commands
from sillage.domain.campaign import CampaignState as S
from sillage.domain.sign_in import Role
from sillage.errors import BadInput, NotFound, Refused
from sillage.settings import Settings
from sillage.store import campaigns, trial_mails, users
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import campaigns as campaigns_table
from tests.conftest import SECRET
from tests.world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three people, Ada and Bob, and a draft."""
    for name, value in {"DATA_DIR": str(tmp_path / "run"), "SECRET": SECRET, "DEMO": "1"}.items():
        monkeypatch.setenv(f"SILLAGE_{name}", value)
    settings = Settings.load()
    store = Store(settings.database_url)
    upgrade(store)
    made = World(store, settings)
    made.add_contacts(3)
    made.add_campaign(scheduled=False)
    with store.write() as conn:
        for name in ("ada", "bob"):
            user = users.add(
                conn, email=f"{name}@maison.example", name=name, language="en", password_hash="x", now=made.now
            )
            users.join(conn, made.id, user.id, Role.MEMBER, now=made.now)
    return made


def run(app: object, *words: str) -> str:
    return CliRunner().invoke(app, list(words), catch_exceptions=False).output  # type: ignore[arg-type]


def state(world: World, name: str = "News") -> S:
    with world.store.read() as conn:
        return campaigns.by_name(conn, world.id, name).state


def test_a_test_is_sent_by_command(world: World):
    """To each address that is named, with a contact's data."""
    app = campaign_commands.app
    said = run(
        app, "test-send", "News", "--to", "ada@maison.example", "--to", "b@x.example", "--contact", "c1@mail.example"
    )
    assert "2 test mails" in said
    with world.store.read() as conn:
        assert {m.email for m in trial_mails.listed(conn, world.id)} == {"ada@maison.example", "b@x.example"}


def test_approval_by_command_names_members(world: World):
    """Who asks and who approves are members that are named, and not the same."""
    app = campaign_commands.app
    assert "waits" in run(account_commands.app, "approval", "--on")
    later = "2099-01-01T10:00:00Z"
    with pytest.raises(Refused, match="--by"):
        run(app, "schedule", "News", "--at", later)
    with pytest.raises(NotFound, match="no member"):
        run(app, "schedule", "News", "--at", later, "--by", "eve@maison.example")
    assert "once somebody else has approved" in run(
        app, "schedule", "News", "--at", later, "--by", "ada@maison.example"
    )
    with pytest.raises(Refused, match="nobody approves"):
        run(app, "approve", "News", "--by", "ada@maison.example")
    assert "draft again" in run(app, "refuse", "News", "--by", "bob@maison.example", "--words", "no")
    run(app, "schedule", "News", "--at", later, "--by", "ada@maison.example")
    assert "approved" in run(app, "approve", "News", "--by", "bob@maison.example")
    assert state(world) is S.SCHEDULED
    run(app, "move", "News", "--at", "2099-01-02T10:00:00+01:00", "--by", "ada@maison.example")
    assert state(world) is S.APPROVAL
    for wrong in ("tomorrow", "2099-01-02T10:00:00"):
        with pytest.raises(BadInput, match="--at"):
            run(app, "move", "News", "--at", wrong)


def test_copies_and_once_more_by_command(world: World):
    """A copy under a name; once more to the silent, which says how many there are."""
    app = campaign_commands.app
    assert "'December'" in run(app, "duplicate", "News", "--as", "December")
    with world.store.write() as conn:
        conn.execute(sa.update(campaigns_table).values(state=S.CLOSED, started_at=world.now))
    said = run(app, "resend", "News", "--subject", "Missed?", "--to", "non_openers", "--as", "Again")
    assert "0 of 0 may be mailed" in said
    assert state(world, "Again") is S.DRAFT


@pytest.mark.parametrize(
    ("when", "rule"),
    [
        (("--daily", "09:00"), "0 9 * * *"),
        (("--weekly", "mon,Thu@18:30"), "30 18 * * MON,THU"),
        (("--monthly", "last@07:05"), "5 7 L * *"),
        (("--monthly", "15@07:05"), "5 7 15 * *"),
        (("--cron", "0 9 1-7 * *"), "0 9 1-7 * *"),
    ],
)
def test_a_recurring_campaign_lives_by_commands(world: World, when: tuple[str, str], rule: str):
    """Begun like a campaign, listed with its rule, paused, resumed, ended; nothing is near."""
    app = recurring_commands.app
    assert rule in run(app, "begin", "Letter", "--like", "News", *when)
    assert re.search(rf"Letter: active, {re.escape(rule)} .*, next ", run(app, "list"))
    assert "pauses" in run(app, "pause", "Letter")
    assert "next on" in run(app, "resume", "Letter")
    for _ in range(2):
        assert "has ended" in run(app, "end", "Letter")
    assert run(app, "make") == ""
    assert "ended" in run(app, "list")


@pytest.mark.parametrize(
    "words",
    [
        ("--like", "News"),
        ("--like", "News", "--daily", "09:00", "--cron", "0 9 * * *"),
        ("--daily", "09:00"),
        ("--like", "News", "--draft", "1", "--daily", "09:00"),
        ("--like", "News", "--daily", "9 o'clock"),
        ("--like", "News", "--weekly", "someday@09:00"),
        ("--like", "News", "--monthly", "32@09:00"),
        ("--like", "News", "--cron", "* * * * *"),
    ],
)
def test_what_is_no_rule_by_command_is_refused(world: World, words: tuple[str, ...]):
    """None or two ways to say when or of what, and times that are none, are told, and nothing begins."""
    assert world
    with pytest.raises(BadInput):
        run(recurring_commands.app, "begin", "Letter", *words)
    assert run(recurring_commands.app, "list") == ""
