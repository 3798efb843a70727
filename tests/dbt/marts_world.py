"""A small world whose figures are known: one campaign by hand, two by chance, the others to raise alerts."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa
from pydantic import SecretStr

from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, event_id
from sillage.settings import Settings
from sillage.store import outbox
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import accounts, campaigns, links, senders, variants

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HAND_MADE, CHANCE, OTHER_CHANCE, ALARMING = 1, 2, 3, 4
SOFT = (5, 6, 7)
BUYERS, ELSEWHERE = 8, 9
PROVIDERS = ("gmail", "outlook", "yahoo", "other")
PHONE, COMPUTER = "Mozilla/5.0 (iPhone) Mobile", "Mozilla/5.0 (Windows NT 10.0)"


@dataclass
class World:
    """An installation with its events, not all of them in the lake yet."""

    settings: Settings
    store: Store
    late: list[Event]

    def collect(self, events: list[Event]) -> None:
        """Bring events into the lake."""
        with self.store.write() as conn:
            outbox.record(conn, events)
        collect_once(self.settings, self.store)


def make(directory: Path) -> World:
    """The world, with the earlier part of its events in the lake."""
    now = (NOON + timedelta(minutes=10)).timestamp()
    settings = Settings.model_validate(
        {
            "data_dir": directory,
            "secret": SecretStr("0123456789abcdef0123456789abcdef"),
            "SILLAGE_CLOCK": f"{now}@{time.time()}*1",
        }
    )
    store = Store(settings.database_url)
    upgrade(store)
    with store.write() as conn:
        _ops(conn)
    rng = random.Random(11)  # noqa: S311  # a world, not a secret
    chance = [e for c in (CHANCE, OTHER_CHANCE) for person in range(60) for e in _person(rng, c, person)]
    rng.shuffle(chance)
    early, late = chance[: len(chance) // 2], chance[len(chance) // 2 :]
    late += rng.sample(early, 80) + rng.sample(late, 20)
    signals = [e for e in early if e.type in {EventType.OPENED, EventType.CLICKED}]
    late += [_verdict(e, machine=not e.is_machine) for e in rng.sample(signals, 15)]
    late += _buying_late()
    rng.shuffle(late)
    world = World(settings, store, late)
    world.collect(early + _by_hand() + _alarming() + _buying())
    return world


def fact(
    campaign: int, contact: int | None, kind: EventType, *, minutes: float = 0, n: object = 0, **fields: object
) -> Event:
    """An event some minutes after noon; `n` tells it from others of its kind."""
    at = NOON + timedelta(minutes=minutes)
    values: dict[str, object] = {"variant_id": campaign * 10 + 1, **fields}
    return Event(
        id=event_id(campaign, contact, kind, minutes, n),
        type=kind,
        account_id=1,
        campaign_id=campaign,
        contact_id=contact,
        occurred_at=at,
        recorded_at=at,
        **values,  # type: ignore[arg-type]
    )


def _ops(conn: sa.Connection) -> None:
    conn.execute(accounts.insert().values(id=1, slug="acme", name="Acme", tracking_policy="notice", created_at=NOON))
    conn.execute(senders.insert().values(id=1, account_id=1, name="Acme", email="a@acme.example", created_at=NOON))
    for c in (HAND_MADE, CHANCE, OTHER_CHANCE, ALARMING, *SOFT, BUYERS, ELSEWHERE):
        conn.execute(
            campaigns.insert().values(
                id=c,
                account_id=1,
                name=f"Campaign {c}",
                sender_id=1,
                include=[1],
                state="closed" if c == HAND_MADE else "sending",
                created_at=NOON,
                started_at=NOON,
            )
        )
        for v in (1, 2):
            conn.execute(
                variants.insert().values(
                    id=c * 10 + v,
                    account_id=1,
                    campaign_id=c,
                    position=v,
                    name="AB"[v - 1],
                    subject="Hello",
                    source_kind="html",
                    source="",
                )
            )
        conn.execute(
            links.insert().values(
                variant_id=c * 10 + 1, number=1, account_id=1, campaign_id=c, url="https://acme.example/", label="Home"
            )
        )


def _by_hand() -> list[Event]:
    """Twelve recipients, each with a story of design's tables."""
    e, c = EventType, HAND_MADE
    told: list[Event] = []
    for person in range(1, 13):
        provider = "yahoo" if person <= 6 else "gmail"
        told.append(fact(c, person, e.PLANNED, provider=provider, segment_id=1 if person <= 4 else 2))
        if person <= 7:
            taken = fact(c, person, e.ACCEPTED, minutes=1, attempt=1, opens_measured=person <= 5, provider=provider)
            told.append(taken)
    told += [
        # 1 opens twice and clicks, replayed; 2 clicks without an open; 3's machine opens; 4 complains and leaves.
        fact(c, 1, e.OPENED, minutes=2, agent=PHONE),
        fact(c, 1, e.OPENED, minutes=2, agent=PHONE),
        fact(c, 1, e.OPENED, minutes=3, agent=PHONE),
        fact(c, 1, e.CLICKED, minutes=3, link=1, agent=COMPUTER),
        fact(c, 2, e.CLICKED, minutes=4, link=1, agent=COMPUTER),
        fact(c, 3, e.OPENED, minutes=2, is_machine=True, rule="preload", rule_version=1),
        fact(c, 4, e.COMPLAINED, minutes=5, via="feedback_loop"),
        fact(c, 4, e.UNSUBSCRIBED, minutes=5, via="one_click"),
        # 5 bounces by mail and had opened: contradicted; 6 bounces by mail; 7 unsubscribes, at a silent provider.
        fact(c, 5, e.OPENED, minutes=2),
        fact(c, 5, e.BOUNCED, minutes=60, via="mail", bounce_class="soft", reason="mailbox_full"),
        fact(c, 6, e.BOUNCED, minutes=60, via="mail", bounce_class="npai", reason="unknown_user"),
        fact(c, 7, e.UNSUBSCRIBED, minutes=9, via="page"),
        # 8 is refused; 9 never found a server; 10 is suppressed; 11 is in doubt and clicks; 12 is in doubt.
        fact(c, 8, e.DEFERRED, minutes=1, attempt=1, smtp_code=451),
        fact(c, 8, e.BOUNCED, minutes=30, via="session", attempt=2, bounce_class="block", reason="spam"),
        fact(c, 9, e.FAILED, minutes=40, reason="no_route"),
        fact(c, 10, e.SUPPRESSED, minutes=1, reason="complaint"),
        fact(c, 11, e.IN_DOUBT, minutes=1, attempt=1),
        fact(c, 11, e.CLICKED, minutes=6, link=1),
        fact(c, 12, e.IN_DOUBT, minutes=1, attempt=1),
        # Nobody's open, and a test message's.
        fact(c, None, e.OPENED, minutes=7),
        fact(c, 99, e.ACCEPTED, minutes=1, is_test=True),
        fact(c, 99, e.CLICKED, minutes=2, is_test=True, link=1),
    ]
    return told


def bought(contact: int, minutes: float, amount: float | None, *, n: int = 0, campaign: int | None = None) -> Event:
    """A purchase, which may name its campaign."""
    told = fact(0, contact, EventType.CONVERTED, minutes=minutes, n=("buy", n), value=amount, variant_id=None)
    return msgspec.structs.replace(told, campaign_id=campaign)


def _buying() -> list[Event]:
    """301 and 302 clicked, 303 and 304 did not, 306 bounced, 777 got nothing, 501 and 502 were held out."""
    e, c, week = EventType, BUYERS, 7 * 24 * 60
    told = [fact(c, person, e.ACCEPTED, minutes=1, attempt=1, opens_measured=True) for person in (301, 302, 303, 304)]
    return [
        *told,
        fact(c, 306, e.BOUNCED, minutes=1, attempt=1, via="session", bounce_class="npai"),
        fact(c, 301, e.CLICKED, minutes=3, link=1),
        fact(c, 302, e.CLICKED, minutes=4, link=1),
        fact(c, 501, e.SKIPPED, minutes=1, reason="hold_out", variant_id=None),
        fact(c, 502, e.SKIPPED, minutes=1, reason="hold_out", variant_id=None),
        # 301 buys for ten cents and for twenty, which comes twice; 302 a moment after the window; others name it.
        bought(301, 60, 0.1), bought(301, 70, 0.2, n=1), bought(301, 70, 0.2, n=1),
        bought(302, 4 + week, 50.0), bought(303, 90, 19.99, campaign=c), bought(306, 90, 1000.0, campaign=c),
        bought(304, 90, 5.0), bought(777, 90, 5.0, campaign=c), bought(501, 90, 7.5),
    ]  # fmt: skip


def _buying_late() -> list[Event]:
    """A click elsewhere that comes late, before 301's purchases; 302's click was a machine's after all."""
    return [
        fact(ELSEWHERE, 301, EventType.CLICKED, minutes=30, link=1),
        _verdict(fact(BUYERS, 302, EventType.CLICKED, minutes=4, link=1), machine=True),
        bought(302, 200, 3.0, n=2),
    ]


def _person(rng: random.Random, campaign: int, person: int) -> list[Event]:
    e, told = EventType, []
    common = {"variant_id": campaign * 10 + 1 + person % 2, "provider": PROVIDERS[person % 4]}
    told.append(fact(campaign, person + 1, e.PLANNED, **common))
    end = rng.choices(
        [e.ACCEPTED, e.BOUNCED, e.FAILED, e.SUPPRESSED, e.SKIPPED, e.IN_DOUBT], weights=[20, 3, 1, 1, 1, 3]
    )[0]
    attempt = 1
    if rng.random() < 0.3:
        told.append(fact(campaign, person + 1, e.DEFERRED, minutes=1, attempt=1, **common))
        attempt = 2
    extra: dict[str, object] = {"attempt": attempt}
    if end is e.BOUNCED:
        extra |= {"via": "session", "bounce_class": rng.choice(["npai", "hard", "soft", "block", "unknown"])}
    if end is e.ACCEPTED:
        extra["opens_measured"] = rng.random() < 0.7
    told.append(fact(campaign, person + 1, end, minutes=2, **common, **extra))
    if end is e.IN_DOUBT and rng.random() < 0.5:
        told.append(fact(campaign, person + 1, e.ACCEPTED, minutes=3, attempt=attempt + 1, **common))
    for n in range(rng.choice([0, 0, 1, 2, 3])):
        who = person + 1 if rng.random() < 0.8 else None
        machine = rng.random() < 0.3
        told.append(fact(campaign, who, e.OPENED, minutes=rng.randint(3, 900), n=(person, n), is_machine=machine))
        if rng.random() < 0.5:
            told.append(
                fact(campaign, who, e.CLICKED, minutes=rng.randint(3, 900), n=(person, n), link=n + 1, **common)
            )
    if rng.random() < 0.15:
        told.append(
            fact(campaign, person + 1, e.BOUNCED, minutes=500, via="mail", bounce_class=rng.choice(["soft", "unknown"]))
        )
    if rng.random() < 0.1:
        told.append(fact(campaign, person + 1, e.UNSUBSCRIBED, minutes=50, via="one_click"))
    if rng.random() < 0.1:
        told.append(fact(campaign, person + 1, e.COMPLAINED, minutes=51, **common))
    return told


def _verdict(about: Event, *, machine: bool) -> Event:
    at = about.occurred_at + timedelta(days=1)
    return Event(
        id=event_id("judged", about.id, 2),
        type=EventType.JUDGED,
        account_id=1,
        campaign_id=about.campaign_id,
        occurred_at=at,
        recorded_at=at,
        subject_id=about.id,
        is_machine=machine,
        rule="later",
        rule_version=2,
    )


def _alarming() -> list[Event]:
    """1,230 recipients at a provider that reports: 30 unknown users, 7 complaints; and three other troubles."""
    e, told = EventType, []
    for person in range(1, 1231):
        if person <= 30:
            told.append(
                fact(ALARMING, person, e.BOUNCED, provider="yahoo", via="session", bounce_class="npai", attempt=1)
            )
        else:
            told.append(fact(ALARMING, person, e.ACCEPTED, provider="yahoo", attempt=1))
        if 31 <= person <= 37:
            told.append(fact(ALARMING, person, e.COMPLAINED, minutes=5, provider="yahoo"))
    # One contact bounces softly five times in three campaigns.
    for campaign, times in zip(SOFT, (2, 2, 1), strict=True):
        told.append(fact(campaign, 5_000, e.ACCEPTED, minutes=-60, attempt=1, provider="gmail"))
        told += [
            fact(campaign, 5_000, e.BOUNCED, minutes=-50, n=n, via="mail", bounce_class="soft", provider="gmail")
            for n in range(times)
        ]
    # One provider puts off a quarter of what it gets.
    told += [fact(SOFT[0], 6_000 + n, e.ACCEPTED, minutes=1, attempt=1, provider="gmx") for n in range(90)]
    told += [fact(SOFT[0], 7_000 + n, e.DEFERRED, minutes=1, attempt=1, provider="gmx") for n in range(30)]
    return told
