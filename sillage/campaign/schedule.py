"""What a person does to a campaign: schedule, pause, resume, cancel. Each is one move, so two can't both win."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from sillage.campaign import approval
from sillage.domain.campaign import CampaignState as S
from sillage.domain.campaign import MessageKind
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.local_time import earliest, zone_named
from sillage.errors import Refused
from sillage.store import accounts, approvals, campaigns, deliveries, incidents

_RUNNING = (S.SENDING, S.WAITING)


def schedule(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, send_at: datetime | None = None,
    by: int | None = None, now: datetime | None = None,
) -> datetime:  # fmt: skip
    """Schedule a draft, at its own time or at another. Where the account wants a second person's approval, it waits
    for it; `by` is the user who asks.

    Raises: Refused where the account has no legal identity or the sender is not verified, or nobody asks for approval.
    """
    campaign = campaigns.get(conn, account_id, campaign_id)
    account = accounts.by_id(conn, account_id)
    if campaign.kind is MessageKind.MARKETING and not account.may_send:
        raise Refused(f"account {account.slug!r} has no legal name or postal address; set them before you schedule")
    used = {v.sender_id or campaign.sender_id for v in campaigns.variants_of(conn, account_id, campaign_id)}
    for sender in (campaigns.sender(conn, account_id, number) for number in sorted(used)):
        if sender.verified_at is None:
            raise Refused(f"sender <{sender.email}> is not verified; verify it before you schedule")
    at = send_at or campaign.send_at
    if at is None:
        raise Refused(f"campaign {campaign.name!r} has no time; give one with --at")
    home = zone_named(account.timezone) or ZoneInfo("UTC")
    starts_at = earliest(at, home) if campaign.is_local_time else at
    to = S.APPROVAL if account.needs_approval else S.SCHEDULED
    # One that waits for an approval which nobody asks for any more is scheduled by hand again.
    only_from = (S.DRAFT,) if account.needs_approval else (S.DRAFT, S.APPROVAL)
    if account.needs_approval and by is None and campaign.created_by is None:
        raise Refused(f"account {account.slug!r} wants a second person's approval: say who asks for it (--by)")
    campaigns.move(conn, account_id, campaign_id, to=to, only_from=only_from, send_at=at, starts_at=starts_at)
    if account.needs_approval:
        approval.ask(conn, account_id, campaign_id, by=by or campaign.created_by, now=now or datetime.now(UTC))
    return at


def move_to(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, send_at: datetime, by: int | None = None,
    now: datetime,
) -> None:  # fmt: skip
    """Give a scheduled campaign another time. An approval is taken back by it: what was approved left at another one.

    Raises: Refused where it is planned already or past it, or the time has passed; NotFound.
    """
    campaign = campaigns.get(conn, account_id, campaign_id)
    if send_at < now:
        raise Refused(f"{send_at:%Y-%m-%d %H:%M} UTC has passed: choose a time to come")
    account = accounts.by_id(conn, account_id)
    home = zone_named(account.timezone) or ZoneInfo("UTC")
    starts_at = earliest(send_at, home) if campaign.is_local_time else send_at
    to = S.APPROVAL if account.needs_approval else S.SCHEDULED
    campaigns.move(
        conn, account_id, campaign_id, to=to, only_from=(S.SCHEDULED, S.APPROVAL), send_at=send_at, starts_at=starts_at
    )
    if account.needs_approval:
        asked = approvals.latest(conn, account_id, campaign_id)
        who = by or (asked.asked_by if asked is not None else campaign.created_by)
        approval.ask(conn, account_id, campaign_id, by=who, now=now)


def pause(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, reason: str) -> None:
    """Stop a running campaign within a second; nothing is lost.

    Raises: Refused where it is not running.
    """
    held = campaigns.get(conn, account_id, campaign_id)
    campaigns.move(
        conn, account_id, campaign_id, to=S.PAUSED, only_from=_RUNNING, pause_reason=reason, resume_to=held.state.value
    )


def resume(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, now: datetime | None = None) -> None:
    """Go on exactly where it stopped. What stopped it by itself does not stop it again: only what comes after `now`.

    One that was held because its time had passed leaves after all.

    Raises: Refused where it is neither paused nor held.
    """
    incidents.end(conn, account_id, campaign_id, provider=None, how="resumed", now=now or datetime.now(UTC))
    campaigns.move(
        conn, account_id, campaign_id, to=S.SENDING, only_from=(S.PAUSED, S.HELD), pause_reason=None, resume_to=None
    )


def send_to_missing(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, doubtful: bool, now: datetime
) -> int:
    """Open a closed campaign again for those it has not reached: failed, put off until the deadline, and, if asked,
    in doubt (who may get it twice, under one Message-ID). How many.

    Raises: Refused where it is not closed, or nobody is missing.
    """
    campaigns.move(conn, account_id, campaign_id, to=S.SENDING, only_from=(S.CLOSED,), closed_at=None)
    count = deliveries.open_missing(conn, account_id, campaign_id, doubtful=doubtful, now=now)
    if not count:
        held = campaigns.get(conn, account_id, campaign_id)
        raise Refused(f"campaign {held.name!r} has reached everybody it could: nobody is missing")
    return count


def resume_slice(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, provider: str, *, now: datetime
) -> None:
    """Go on at one mailbox provider.

    Raises: Refused where the campaign is not paused there; NotFound.
    """
    campaign = campaigns.get(conn, account_id, campaign_id)
    if not incidents.resume_slice(conn, account_id, campaign_id, provider):
        raise Refused(f"campaign {campaign.name!r} is not paused at {provider!r}")
    incidents.end(conn, account_id, campaign_id, provider=provider, how="resumed", now=now)


def cancel(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, now: datetime | None = None) -> None:
    """Send nothing more; who has not got it yet is skipped by the worker, as cancelled.

    Raises: Refused where it is closed already.
    """
    open_states = (S.DRAFT, S.APPROVAL, S.SCHEDULED, S.PLANNED, S.SENDING, S.WAITING, S.PAUSED, S.HELD)
    campaigns.move(conn, account_id, campaign_id, to=S.CANCELLED, only_from=open_states)
    at = now or datetime.now(UTC)
    for paused in incidents.paused_slices_of(conn, account_id, campaign_id):
        incidents.resume_slice(conn, account_id, campaign_id, paused.provider)
        incidents.end(conn, account_id, campaign_id, provider=paused.provider, how="cancelled", now=at)
    incidents.end(conn, account_id, campaign_id, provider=None, how="cancelled", now=at)
