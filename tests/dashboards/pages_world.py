"""Installations for the pages: an empty one, and one with a normal, an alarming and a second quiet account.

Events go through the real collector and the real dbt build, once for all tests; dbt costs some seconds to start.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import streamlit as st
from playwright.sync_api import Page
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from sillage.access import Door
from sillage.campaign.create import CampaignSpec, SenderSpec, VariantSpec, create_campaign
from sillage.clock import Clock
from sillage.domain.campaign import CampaignState
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import parse_tree
from sillage.domain.sign_in import Role
from sillage.lake.build import build_marts
from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, event_id
from sillage.settings import ROOT, Settings
from sillage.store import accounts, campaigns, outbox, segments, users
from sillage.store.accounts import Account
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import accounts as accounts_table
from sillage.store.tables import campaigns as campaigns_table
from sillage.store.tables import consents, contacts, deliveries, group_members, groups, tallies

SECRET = "0123456789abcdef0123456789abcdef"
PATIENCE_MS = 180_000
"""How long a browser waits for what it is to do or to see: a page that is slow on a busy machine is no page that is
wrong."""
PAGES = ROOT / "dashboards" / "app_pages"
MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ first_name | default: 'you' }}</mj-text>"
    '<mj-button href="https://shop.maison.example/lamps">Lamps</mj-button>'
    '<mj-button href="https://shop.maison.example/wool">Wool</mj-button></mj-column></mj-section></mj-body></mjml>'
)
PROVIDERS = ("gmail", "outlook", "orange", "yahoo")
COUNTRIES = ("France", "belgique", "FR", None, "Suisse")
AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/132.0",
    "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X)",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
)
GONE_SEGMENT = 999_999
"""A segment that was deleted after campaigns had gone to it: every third recipient was planned from it."""


def patient(page: Page) -> Page:
    """A browser's page that waits so long for whatever is done on it."""
    page.set_default_timeout(PATIENCE_MS)
    return page


@dataclass(frozen=True)
class Told:
    """What happened to a campaign, in numbers of people: the first ones bounce, the others are delivered."""

    people: int
    bounced: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    complained: int = 0
    machines: int = 0
    waiting: int = 0


@dataclass
class Home:
    """An installation that the pages look at."""

    settings: Settings
    store: Store

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {"SILLAGE_DATA_DIR": str(self.settings.data_dir), "SILLAGE_SECRET": SECRET, "SILLAGE_CLOCK": ""}

    def account(
        self, slug: str, name: str, *, people: int = 0, legal: bool = True, timezone: str = "Europe/Paris"
    ) -> Account:
        """An account with a verified sender, a group of people who agreed to marketing, and a segment of it."""
        now = self.settings.clock.now()
        with self.store.write() as conn:
            account = accounts.create(
                conn, slug, name, created_at=now, timezone=timezone,
                legal_name=f"{name} SAS" if legal else "", postal_address="1 quai du Port, Brest" if legal else "",
            )  # fmt: skip
            campaigns.add_sender(conn, account.id, name, f"news@{slug}.example", now=now, verified_at=now)
            group = conn.execute(
                groups.insert().values(account_id=account.id, name="Readers", created_at=now)
            ).inserted_primary_key[0]
            ids = {number: account.id * 1_000_000 + number for number in range(1, people + 1)}
            if ids:
                conn.execute(contacts.insert(), [
                    {"id": contact, "account_id": account.id, "email": f"c{number}@{slug}-people.example",
                     "first_name": "Ana" if number % 2 else "", "provider": PROVIDERS[number % 4],
                     "country": COUNTRIES[number % 5], "created_at": now, "updated_at": now}
                    for number, contact in ids.items()
                ])  # fmt: skip
                conn.execute(consents.insert(), [
                    {"contact_id": contact, "channel": "email", "account_id": account.id, "marketing": "granted",
                     "marketing_basis": "consent", "marketing_at": now, "lapses_at": now + timedelta(days=900),
                     "open_tracking": "granted", "click_tracking": "granted"}
                    for contact in ids.values()
                ])  # fmt: skip
                conn.execute(group_members.insert(), [
                    {"group_id": group, "contact_id": contact, "account_id": account.id, "added_at": now}
                    for contact in ids.values()
                ])  # fmt: skip
            segments.save(conn, account.id, "Readers", parse_tree({"kind": "group", "name": "Readers"}), now=now)
        return account

    def sign_in(self, slug: str | None = None, role: Role = Role.OWNER) -> str:
        """The cookie of somebody who works in an account: a user, a membership and a session as the door makes them.

        Without a slug, or with one that nobody has, they own the first account; where there is none, they are in none.
        """
        now = Clock().now()
        with self.store.write() as conn:
            known = conn.execute(sa.select(accounts_table.c.slug).order_by(accounts_table.c.id)).scalars().all()
            held = slug if slug in known else next(iter(known), None)
            email = f"{role}@{held or 'nowhere'}.example"
            user = users.by_email(conn, email) or users.add(
                conn, email=email, name="Ada", language="en", password_hash="none", now=now
            )
            if held is not None:
                users.join(conn, accounts.by_slug(conn, held).id, user.id, role, now=now)
            return Door(self.store, SECRET).open(conn, user.id)

    def campaign(self, account: Account, name: str, told: Told, *, left: datetime, closed: bool = True) -> CampaignId:
        """A campaign with everything that was told of it in its events, and the same balance in ops."""
        with self.store.write() as conn:
            campaign = create_campaign(conn, self.settings, account, self._spec(account, name), now=left)
            variant = campaigns.variants_of(conn, account.id, campaign)[0]
            conn.execute(
                sa.update(campaigns_table)
                .where(campaigns_table.c.id == campaign)
                .values(
                    state=CampaignState.CLOSED if closed else CampaignState.SENDING,
                    send_at=left, started_at=left, planned_at=left, audience=told.people,
                    closed_at=left + timedelta(hours=2) if closed else None,
                )
            )  # fmt: skip
            readers = int(segments.by_name(conn, account.id, "Readers").id)
            outbox.record(conn, self._events(account.id, campaign, variant.id, told, left, readers))
            accepted = told.people - told.bounced - told.waiting
            counts = {"accepted": accepted, "bounced": told.bounced, "due": told.waiting}
            if closed:
                conn.execute(
                    tallies.insert(),
                    [
                        {"campaign_id": campaign, "state": state, "account_id": account.id, "count": count}
                        for state, count in counts.items()
                        if count
                    ],
                )
            else:
                states = itertools.chain(*(itertools.repeat(state, count) for state, count in counts.items()))
                conn.execute(
                    deliveries.insert(),
                    [
                        {"campaign_id": campaign, "contact_id": account.id * 1_000_000 + number, "state": state,
                         "account_id": account.id, "variant_id": variant.id, "provider": "gmail", "due_at": left}
                        for number, state in enumerate(states, 1)
                    ],
                )  # fmt: skip
        return campaign

    def _spec(self, account: Account, name: str) -> CampaignSpec:
        return CampaignSpec(
            name=name,
            sender=SenderSpec(name=account.name, email=f"news@{account.slug}.example"),
            include=["Readers"],
            variants=[VariantSpec(name="A", subject=f"{name} for you", mjml=MJML)],
        )

    @staticmethod
    def _events(
        account: AccountId, campaign: CampaignId, variant: int, told: Told, left: datetime, segment: int
    ) -> Iterable[Event]:
        def event(kind: EventType, number: int, minutes: float, **more: object) -> Event:
            at = left + timedelta(minutes=minutes)
            return Event(
                id=event_id("told", campaign, number, kind, *more.values()), type=kind, account_id=account,
                campaign_id=campaign, variant_id=variant, contact_id=account * 1_000_000 + number, occurred_at=at,
                recorded_at=at, **more,  # type: ignore[arg-type]
            )  # fmt: skip

        for number in range(1, told.people + 1):
            provider = PROVIDERS[number % 4]
            yield event(EventType.PLANNED, number, -5, provider=provider,
                        segment_id=segment if number % 3 else GONE_SEGMENT)  # fmt: skip
            if number > told.people - told.waiting:
                continue
            if number <= told.bounced:
                yield event(
                    EventType.BOUNCED, number, 1, provider=provider, via="session", bounce_class="npai",
                    reason="unknown_user", smtp_code=550, status="5.1.1", attempt=1,
                )  # fmt: skip
                continue
            yield event(
                EventType.ACCEPTED, number, number / 500, provider=provider, attempt=1, opens_measured=True,
                smtp_code=250,
            )  # fmt: skip
            place = number - told.bounced
            if place <= told.opened:
                yield event(EventType.OPENED, number, 2 + place / 8, is_machine=False, agent=AGENTS[place % 4])
            if place <= told.clicked:
                yield event(EventType.CLICKED, number, 3 + place / 5, is_machine=False, link=1 + place % 2,
                            agent=AGENTS[place % 2])  # fmt: skip
            if place <= told.unsubscribed:
                yield event(EventType.UNSUBSCRIBED, number, 6, via="one_click")
            if told.people - told.waiting - number < told.machines:
                yield event(EventType.OPENED, number, 1.5, is_machine=True, rule="test", rule_version=1)
        reporting = [n for n in range(told.bounced + 1, told.people + 1) if PROVIDERS[n % 4] == "outlook"]
        for number in reporting[: told.complained]:
            yield event(EventType.COMPLAINED, number, 30, via="feedback_loop")


def new_home(folder: Path) -> Home:
    """Ops without any account."""
    settings = Settings(data_dir=folder, secret=SecretStr(SECRET))
    store = Store(settings.database_url)
    upgrade(store)
    return Home(settings, store)


def furnish(home: Home) -> None:
    """Accounts with history, one of them for a test to add events to, and one with nothing; the marts are built."""
    now = datetime.now(UTC).replace(microsecond=0)
    maison = home.account("maison", "Maison Sillage", people=1000)
    for number in range(6):
        told = Told(2000, bounced=10, opened=500, clicked=200 + 8 * number, unsubscribed=3)
        home.campaign(maison, f"Autumn {number + 1}", told, left=now - timedelta(days=12 - 2 * number, hours=3))
    home.campaign(
        maison, "November news",
        Told(1000, bounced=5, opened=240, clicked=96, unsubscribed=2, machines=50, waiting=400),
        left=now - timedelta(minutes=50),
        closed=False,
    )  # fmt: skip
    alarm = home.account("alarm", "Alarm et Cie", people=500)
    home.campaign(
        alarm, "Bought list", Told(2400, bounced=160, opened=100, clicked=10, unsubscribed=60, complained=12),
        left=now - timedelta(hours=3),
    )  # fmt: skip
    echo = home.account("echo", "Echo")
    home.campaign(echo, "Echo", Told(2000, unsubscribed=60), left=now - timedelta(hours=3))
    home.account("quiet", "Quiet", legal=False)
    # Campaigns that reached nobody, one person, and machines alone, where clocks change by half an hour.
    odd = home.account("odd", "Ödd 李雷 محمد", people=20, timezone="Australia/Lord_Howe")
    # Half past one comes twice in its readers' night: clocks go back at 15:00 UTC.
    clocks = datetime(2026, 4, 4, 14, 58, tzinfo=UTC)
    home.campaign(odd, "Clocks", Told(20, opened=16, clicked=8, unsubscribed=1), left=clocks)
    home.campaign(odd, "Nobody", Told(10, bounced=10), left=now - timedelta(hours=5))
    home.campaign(odd, "One 李雷 محمد <b>$x$ Ωμέγα", Told(1, opened=1, clicked=1), left=now - timedelta(hours=4))
    home.campaign(odd, "Machines", Told(300, machines=300), left=now - timedelta(hours=3))
    collect_once(home.settings, home.store)
    build_marts(home.settings)


@dataclass
class Browser:
    """Opens pages of an installation without a browser."""

    monkeypatch: pytest.MonkeyPatch

    def open(self, home: Home, page: str, **query: str) -> AppTest:
        """A page as it is drawn first, for the owner of the account of the address (or of the only one)."""
        for name, value in home.environment.items():
            self.monkeypatch.setenv(name, value)
        self.sign_in(home.sign_in(query.get("account")))
        app = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=30)
        for name, value in {"lang": "en", **query}.items():
            app.query_params[name] = value
        return app.run()

    def sign_in(self, token: str) -> None:
        """From now on the browser's cookie says this; a page alone has no browser that could."""
        self.monkeypatch.setattr(type(st.context), "cookies", {"sillage": token})
