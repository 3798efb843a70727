"""Recurring campaigns: each time of the rule a campaign of its own, made from the draft as it is then, and once.

It is made a little before its time, so that it is planned in time. After a stop only the latest of the times that were
missed is made late, and only within the grace; the others are told as missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from sillage.campaign.copying import free_name
from sillage.campaign.create import create_campaign, parse_spec
from sillage.campaign.form import spec_of_form
from sillage.campaign.schedule import schedule
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.local_time import zone_named
from sillage.domain.recurrence import Occurrence, occurrences, parse_rule
from sillage.errors import BadInput, SillageError, TransientError
from sillage.settings import Settings
from sillage.store import accounts, campaigns, drafts, recurrences
from sillage.store.accounts import Account
from sillage.store.database import Store
from sillage.store.drafts import DraftMail
from sillage.store.recurrences import OccurrenceState, Recurrence, RecurrenceState
from sillage.words import Words

AHEAD = timedelta(minutes=20)
"""So long before its time a campaign is made: planning begins a quarter of an hour ahead."""
MAX_NAME = 200
MAX_GRACE = timedelta(days=7)
LATE = timedelta(hours=6)
_MOST_MISSED = 10_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Made:
    """What one look did for one recurring campaign."""

    recurrence: Recurrence
    campaigns: tuple[CampaignId, ...]
    missed: int
    failed: str | None
    """Why the last of them could not be made."""


def zone_of(account: Account) -> ZoneInfo:
    """The zone whose clock its rules are read on."""
    return zone_named(account.timezone) or ZoneInfo("UTC")


def coming(rule: str, account: Account, *, after: datetime, until: datetime) -> list[Occurrence]:
    """The times of a rule between two moments.

    Raises: BadInput.
    """
    found = occurrences(parse_rule(rule), zone_of(account), after=after)
    return list(takewhile(lambda o: o.at <= until, found))


def begin(
    conn: sa.Connection, settings: Settings, account: Account, *, name: str, draft_id: int, rule: str, grace: timedelta,
    by: int | None, now: datetime,
) -> Recurrence:  # fmt: skip
    """Begin a recurring campaign, after proving that the draft makes a campaign today.

    Raises: BadInput, NotFound, Refused, each in the words of what stands in the way.
    """
    called = " ".join(name.split())
    if not 1 <= len(called) <= MAX_NAME:
        raise BadInput(f"a recurring campaign's name has 1 to {MAX_NAME} characters", code="no_name", field="name")
    if not timedelta(0) <= grace <= MAX_GRACE:
        raise BadInput("the grace is 0 to 168 hours", code="bad_grace", field="grace")
    first = next(occurrences(parse_rule(rule), zone_of(account), after=now))
    draft = drafts.get(conn, account.id, draft_id)
    trial = conn.begin_nested()
    try:
        _campaign(conn, settings, account, draft, called, first.at, late_after=LATE, by=by, now=now)
    finally:
        trial.rollback()
    return recurrences.add(
        conn, account.id, name=called, draft_id=draft_id, rule=parse_rule(rule).text,
        grace_s=round(grace.total_seconds()), next_at=first.at, by=by, now=now,
    )  # fmt: skip


def pause(conn: sa.Connection, account_id: AccountId, number: int) -> None:
    """Make none until it is resumed; what was made stays as it is. Raises: Refused, NotFound."""
    recurrences.turn(
        conn, account_id, number, to=RecurrenceState.PAUSED, only_from=(RecurrenceState.ACTIVE,), next_at=None
    )


def resume(conn: sa.Connection, account_id: AccountId, number: int, *, now: datetime) -> datetime:
    """Go on with the first time to come: those of the pause are neither made nor missed. Raises: Refused, NotFound."""
    held = recurrences.get(conn, account_id, number)
    account = accounts.by_id(conn, account_id)
    first = next(occurrences(parse_rule(held.rule), zone_of(account), after=now))
    recurrences.turn(
        conn, account_id, number, to=RecurrenceState.ACTIVE, only_from=(RecurrenceState.PAUSED,), next_at=first.at
    )
    return first.at


def end(conn: sa.Connection, account_id: AccountId, number: int) -> None:
    """Make no more, for good. Raises: Refused, NotFound."""
    open_states = (RecurrenceState.ACTIVE, RecurrenceState.PAUSED)
    recurrences.turn(conn, account_id, number, to=RecurrenceState.ENDED, only_from=open_states, next_at=None)


def make_due(store: Store, settings: Settings) -> list[Made]:
    """Make the campaigns whose time is near, each in a transaction that is its own proof: of two who look at once, or
    again after a kill, one makes it.

    Raises: TransientError where ops does not answer.
    """
    now, done = settings.clock.now(), []
    with store.read() as conn:
        due = recurrences.due(conn, before=now + AHEAD)
    for held in due:
        with store.write() as conn:
            made = _make(conn, settings, held, now)
        if made is not None:
            done.append(made)
            log.info(
                "recurring.made", recurrence_id=held.id, campaigns=list(made.campaigns), missed=made.missed,
                failed=made.failed,
            )  # fmt: skip
    return done


def _make(conn: sa.Connection, settings: Settings, held: Recurrence, now: datetime) -> Made | None:
    """All of one that is due, or None where somebody else has just done it."""
    account = accounts.by_id(conn, held.account_id)
    if held.next_at is None:
        return None
    found = occurrences(parse_rule(held.rule), zone_of(account), after=held.next_at - timedelta(seconds=1))
    times: list[Occurrence] = []
    following: datetime | None = None
    for one in found:
        if one.at > now + AHEAD or len(times) >= _MOST_MISSED:
            following = one.at
            break
        times.append(one)
    if not recurrences.advance(conn, held, next_at=following):
        return None
    past = [one for one in times if one.at <= now]
    wanted = [one for one in times if one.at > now]
    if past and past[-1].at >= now - timedelta(seconds=held.grace_s):
        wanted.insert(0, past[-1])
    missed = [one for one in past if one not in wanted]
    for one in missed:
        recurrences.note(
            conn, account.id, held.id, one.at, OccurrenceState.MISSED, words="nothing was running at its time", now=now
        )
    made: list[CampaignId] = []
    failed: str | None = None
    for one in wanted:
        campaign_id, failed = _one(conn, settings, account, held, one, now)
        made += [campaign_id] if campaign_id is not None else []
    return Made(held, tuple(made), len(missed), failed)


def _one(
    conn: sa.Connection, settings: Settings, account: Account, held: Recurrence, one: Occurrence, now: datetime
) -> tuple[CampaignId | None, str | None]:
    """One time: its campaign, or why there is none. A fault takes back that campaign alone."""
    said = Words(account.locale, account.timezone).day(one.shown.date())
    attempt = conn.begin_nested()
    try:
        draft = drafts.get(conn, account.id, held.draft_id)
        name = free_name(conn, account.id, f"{held.name} · {said}")
        late_after = max(LATE, timedelta(seconds=held.grace_s))
        made = _campaign(
            conn, settings, account, draft, name, max(one.at, now), late_after=late_after, by=held.created_by, now=now
        )
        recurrences.note(conn, account.id, held.id, one.at, OccurrenceState.MADE, campaign_id=made, now=now)
    except TransientError:
        raise
    except SillageError as exc:
        attempt.rollback()
        recurrences.note(conn, account.id, held.id, one.at, OccurrenceState.FAILED, words=str(exc), now=now)
        return None, str(exc)
    attempt.commit()
    return made, None


def _campaign(
    conn: sa.Connection, settings: Settings, account: Account, draft: DraftMail, name: str, at: datetime, *,
    late_after: timedelta, by: int | None, now: datetime,
) -> CampaignId:  # fmt: skip
    spec = spec_of_form(draft.form, draft.written, campaigns.senders_of(conn, account.id))
    whole = {**spec, "name": name, "late_after_hours": late_after.total_seconds() / 3600}
    made = create_campaign(conn, settings, account, parse_spec(whole, where=name), now=now, by=by)
    schedule(conn, account.id, made, send_at=at, by=by, now=now)
    return made
