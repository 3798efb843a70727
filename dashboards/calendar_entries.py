"""What stands in the calendar: campaigns that left or will, and recurring ones to come, in the account's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dashboards.shell import Desk
from sillage.campaign.recurring import coming, zone_of
from sillage.domain.campaign import CampaignState as S
from sillage.domain.ids import CampaignId
from sillage.domain.recurrence import Clocks
from sillage.store import campaigns, recurrences
from sillage.store.campaigns import Campaign
from sillage.store.recurrences import RecurrenceState

PLANNED = (S.APPROVAL, S.SCHEDULED, S.PLANNING, S.PLANNED)
MOVABLE = (S.APPROVAL, S.SCHEDULED)
RECURS = "recurs"
FIRST_YEAR, LAST_YEAR = 2000, 2099


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing on one day. `state` is a campaign's, or `recurs` for a time that is not made yet."""

    at: datetime
    name: str
    state: str
    campaign_id: CampaignId | None
    clocks: Clocks = Clocks.ONCE


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the account's calendar, with the weeks that it is shown in, Mondays first."""

    first: date

    @classmethod
    def parse(cls, text: str, today: date) -> Month:
        """From YYYY-MM, of this century; anything else is the month of today."""
        try:
            found = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007  # a month, of no zone
        except ValueError:
            return cls(today.replace(day=1))
        return cls(found if FIRST_YEAR <= found.year <= LAST_YEAR else today.replace(day=1))

    @property
    def following(self) -> Month:
        """The next one."""
        return Month((self.first + timedelta(days=32)).replace(day=1))

    @property
    def previous(self) -> Month:
        """The one before."""
        return Month((self.first - timedelta(days=1)).replace(day=1))

    @property
    def days(self) -> list[date]:
        """All days of its weeks, also those of the months beside it."""
        begin = self.first - timedelta(days=self.first.weekday())
        last = self.following.first - timedelta(days=1)
        end = last + timedelta(days=6 - last.weekday())
        return [begin + timedelta(days=n) for n in range((end - begin).days + 1)]

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


def entries(desk: Desk, days: list[date]) -> list[Entry]:
    """What stands on these days, in the order of time."""
    zone = zone_of(desk.account)
    begin, end = _midnight(days[0], zone), _midnight(days[-1] + timedelta(days=1), zone)
    with desk.store.read() as conn:
        known = campaigns.listed(conn, desk.account_id)
        recurring = recurrences.listed(conn, desk.account_id)
    found = [entry for campaign in known if (entry := _of(campaign)) is not None and begin <= entry.at < end]
    for one in recurring:
        if one.state is not RecurrenceState.ACTIVE or one.next_at is None:
            continue
        after = max(one.next_at, begin) - timedelta(microseconds=1)
        until = end - timedelta(microseconds=1)
        found += [
            Entry(o.at, one.name, RECURS, None, o.clocks)
            for o in coming(one.rule, desk.account, after=after, until=until)
        ]
    return sorted(found, key=lambda entry: entry.at)


def movable(desk: Desk) -> list[Campaign]:
    """Campaigns whose time may still be changed, the next one first."""
    with desk.store.read() as conn:
        found = [c for c in campaigns.listed(conn, desk.account_id) if c.state in MOVABLE and c.send_at is not None]
    return sorted(found, key=lambda c: c.send_at or desk.now())


def _of(campaign: Campaign) -> Entry | None:
    moment = campaign.started_at or (campaign.send_at if campaign.state in (*PLANNED, S.HELD) else None)
    return None if moment is None else Entry(moment, campaign.name, campaign.state.value, campaign.id)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone)
