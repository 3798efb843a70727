"""The delivery table as a queue: claim a window, settle its outcomes, take back what a dead worker held.

The hot statements are plain SQL, once per engine: a window of 200 costs some 9 µs a message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain.delivery import HAND_OVER_STATES, DeliveryState
from sillage.domain.eligibility import strongest
from sillage.domain.ids import AccountId, CampaignId, ContactId, VariantId
from sillage.errors import SillageError
from sillage.lake.event import Event
from sillage.store import outbox, seen_segments
from sillage.store.columns import from_micros, to_micros
from sillage.store.merge_fields import STANDARD_MERGE_FIELDS
from sillage.store.tables import accounts, campaigns, consents, deliveries, paused_slices, tallies


class FencedError(SillageError):
    """Somebody else took this worker's rows: it was taken for dead, and must not write or send any more."""


# Structs, not dataclasses: one of each is made for each message, in a tenth of the time.
class Claimed(msgspec.Struct, frozen=True, gc=False):
    """A row that this worker now holds, with all that is needed to decide and to fill."""

    account_id: AccountId
    campaign_id: CampaignId
    contact_id: ContactId
    variant_id: VariantId
    provider: str
    attempt: int
    """The number of the attempt that this claim is for, from 1."""
    first_attempt_at: datetime | None
    email: str | None
    custom: Any
    fields: tuple[str | None, ...]
    """Values of STANDARD_MERGE_FIELDS."""
    marketing: str | None
    marketing_basis: str | None
    lapses_at: int | None
    open_tracking: str | None
    suppressed: str | None
    due: int = 0
    """When it was due, in microseconds since 1970."""
    segments: tuple[str, ...] = ()
    """Of the segments that the content asks for, those that the recipient was in when it was planned."""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a claimed row, with the events to tell it."""

    campaign_id: CampaignId
    contact_id: ContactId
    state: DeliveryState
    due_at: datetime
    attempt: int
    first_attempt_at: datetime | None
    reason: str | None
    events: tuple[Event, ...] = ()


_CLAIM = """
select d.account_id, d.campaign_id, d.contact_id, d.variant_id, d.provider, d.attempt, d.first_attempt_at,
       c.email, c.custom, {fields},
       p.marketing, p.marketing_basis, p.lapses_at, p.open_tracking, s.reason,
       i.channel is not null or j.domain is not null, g.domain is not null, d.due_at
from deliveries d
left join contacts c on c.id = d.contact_id and c.account_id = d.account_id
left join consents p on p.contact_id = d.contact_id and p.channel = 'email'
left join suppressions s on s.account_id = d.account_id and s.channel = 'email' and s.address_hash = c.email_hash
left join suppressed_domains g on g.account_id = d.account_id and g.domain = {domain}
left join installation_suppressions i on i.channel = 'email' and i.address_hash = c.email_hash
left join installation_domains j on j.domain = {domain}
where d.campaign_id = {p} and d.provider = {p} and d.state = 'due' and d.due_at <= {p}
order by d.due_at
limit {p}{lock}
""".replace("{fields}", ", ".join(f"c.{name}" for name in STANDARD_MERGE_FIELDS))
_HOLD = "update deliveries set state = 'sending', worker_id = {p} where campaign_id = {p} and contact_id in ({who})"
_TAKEN = "taken_before"
"""The reason of a row in flight whose earlier sending, long in doubt, turned out to have been taken."""
_SETTLE = f"""
update deliveries set state = case when reason = '{_TAKEN}' then 'accepted' else {{p}} end, due_at = {{p}},
    attempt = {{p}}, first_attempt_at = {{p}}, reason = case when reason = '{_TAKEN}' then null else {{p}} end,
    worker_id = null
where campaign_id = {{p}} and contact_id = {{p}} and state = 'sending' and worker_id = {{p}}
"""
_NEXT_PROVIDER = "select min(provider) from deliveries where campaign_id = {p} and state = 'due' and provider > {p}"


_IS_MISSING = sa.or_(
    deliveries.c.state.in_((DeliveryState.FAILED, DeliveryState.IN_DOUBT)),
    sa.and_(deliveries.c.state == DeliveryState.BOUNCED, sa.func.coalesce(deliveries.c.reason, "") == "expired"),
)
"""Who was not reached through no fault of theirs. (In doubt: perhaps.)"""


_DOMAIN = {"sqlite": "substr(c.email, instr(c.email, '@') + 1)", "postgresql": "split_part(c.email, '@', 2)"}


def _sql(conn: sa.Connection, text: str) -> str:
    text = text.replace("{domain}", _DOMAIN[conn.dialect.name])
    if conn.dialect.name == "sqlite":
        return text.replace("{p}", "?").replace("{lock}", "")
    return text.replace("{p}", "%s").replace("{lock}", " for update of d skip locked")


def claim_due(
    conn: sa.Connection, campaign_id: CampaignId, *, provider: str, worker_id: int, now: datetime, limit: int
) -> list[Claimed]:
    """Take up to `limit` due rows of one campaign at one provider: the intent, durable before any byte leaves."""
    found = conn.exec_driver_sql(_sql(conn, _CLAIM), (campaign_id, provider, to_micros(now), limit)).fetchall()
    if not found:
        return []
    who = ", ".join([str(int(r[2])) for r in found])
    conn.exec_driver_sql(_sql(conn, _HOLD).replace("{who}", who), (worker_id, campaign_id))
    seen = seen_segments.of(conn, campaign_id, [r[2] for r in found])
    last = 9 + len(STANDARD_MERGE_FIELDS)
    return [
        Claimed(
            AccountId(r[0]),
            CampaignId(r[1]),
            ContactId(r[2]),
            VariantId(r[3]),
            r[4],
            r[5] + 1,
            from_micros(r[6]) if r[6] is not None else None,
            r[7],
            r[8],
            tuple(r[9:last]),
            r[last],
            r[last + 1],
            r[last + 2],
            r[last + 3],
            strongest(bool(r[last + 5]), r[last + 4], bool(r[last + 6])),
            r[last + 7],
            tuple(seen[r[2]]) if r[2] in seen else (),
        )
        for r in found
    ]


def settle(conn: sa.Connection, worker_id: int, outcomes: Sequence[Outcome]) -> None:
    """Write outcomes and their events.

    Raises: FencedError where any row is not this worker's any more; the caller's transaction must be taken back.
    """
    if not outcomes:
        return
    rows = [
        (
            o.state.value,
            to_micros(o.due_at),
            o.attempt,
            to_micros(o.first_attempt_at) if o.first_attempt_at else None,
            o.reason,
            o.campaign_id,
            o.contact_id,
            worker_id,
        )
        for o in outcomes
    ]
    done = conn.exec_driver_sql(_sql(conn, _SETTLE), rows)
    if done.rowcount != len(rows):
        raise FencedError(f"worker {worker_id} lost {len(rows) - done.rowcount} of {len(rows)} rows to another")
    outbox.record(conn, (event for o in outcomes for event in o.events))


def providers_due(conn: sa.Connection, campaign_id: CampaignId) -> list[str]:
    """Providers with due rows that are not paused, found by skipping through the index rather than reading it."""
    paused_here = sa.select(paused_slices.c.provider).where(paused_slices.c.campaign_id == campaign_id)
    paused: set[str] = set(conn.execute(paused_here).scalars())
    found: list[str] = []
    after = ""
    # Asked in every window: plain SQL spares a millisecond of putting statements together.
    while (provider := conn.exec_driver_sql(_sql(conn, _NEXT_PROVIDER), (campaign_id, after)).scalar()) is not None:
        if provider not in paused:
            found.append(provider)
        after = provider
    return found


def held_by(conn: sa.Connection, worker_id: int) -> list[sa.Row[Any]]:
    """Rows in flight at a worker, with how their campaign treats doubt and whether their opens may be measured."""
    d = deliveries.c
    query = sa.select(
        d.account_id, d.campaign_id, d.contact_id, d.variant_id, d.provider, d.attempt, d.first_attempt_at, d.due_at,
        campaigns.c.in_doubt, campaigns.c.kind, accounts.c.tracking_policy, accounts.c.untracked_pixel,
        consents.c.open_tracking,
    ).select_from(
        deliveries.join(campaigns, campaigns.c.id == d.campaign_id)
        .join(accounts, accounts.c.id == d.account_id)
        .outerjoin(
            consents, sa.and_(consents.c.contact_id == d.contact_id, consents.c.channel == campaigns.c.channel)
        )
    )  # fmt: skip
    return list(conn.execute(query.where(d.worker_id == worker_id, d.state == sa.literal_column("'sending'"))))


def release(conn: sa.Connection, worker_id: int, *, but: Collection[tuple[CampaignId, ContactId]]) -> list[ContactId]:
    """Give back rows that a worker holds without knowing it (the answer to its commit was lost); their contacts.

    Nothing of them has left: a worker sends only what it knows of. One whose earlier sending turned out to have been
    taken is accepted.
    """
    d = deliveries.c
    held = conn.execute(
        sa.select(d.campaign_id, d.contact_id).where(
            d.worker_id == worker_id, d.state == sa.literal_column("'sending'")
        )
    )
    strays = [(r.campaign_id, r.contact_id) for r in held if (r.campaign_id, r.contact_id) not in but]
    if strays:
        conn.execute(
            deliveries.update()
            .where(d.campaign_id == sa.bindparam("of"), d.contact_id == sa.bindparam("who"))
            .values(
                state=sa.case((d.reason == _TAKEN, DeliveryState.ACCEPTED), else_=DeliveryState.DUE),
                reason=sa.func.nullif(d.reason, _TAKEN),
                worker_id=None,
            ),
            [{"of": campaign, "who": contact} for campaign, contact in strays],
        )
    return [ContactId(contact) for _, contact in strays]


def has_any(conn: sa.Connection, campaign_id: CampaignId, *, state: DeliveryState, first_attempt: bool = False) -> bool:
    """Whether a campaign has a row in a state (and, if asked, one that was never tried)."""
    d = deliveries.c
    query = sa.select(d.contact_id).where(d.campaign_id == campaign_id, d.state == sa.literal_column(f"'{state}'"))
    if first_attempt:
        query = query.where(d.attempt == 0)
    return conn.execute(query.limit(1)).first() is not None


def skip_open(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, limit: int
) -> list[tuple[ContactId, VariantId, str]]:
    """Skip up to `limit` rows that wait (the campaign was cancelled): contact, variant, provider of each."""
    d = deliveries.c
    rows = conn.execute(
        sa.select(d.contact_id, d.variant_id, d.provider)
        .where(d.account_id == account_id, d.campaign_id == campaign_id, d.state.in_(("due", "held")))
        .limit(limit)
    ).all()
    if rows:
        conn.execute(
            deliveries.update()
            .where(d.campaign_id == sa.bindparam("of"), d.contact_id == sa.bindparam("who"))
            .values(state=DeliveryState.SKIPPED, reason="cancelled"),
            [{"of": campaign_id, "who": r.contact_id} for r in rows],
        )
    return [(ContactId(r.contact_id), VariantId(r.variant_id), r.provider) for r in rows]


def tally(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Write down the balance sheet of a campaign that has nothing left to do.

    Where it was opened again for who was missed, its tally counts those whose rows have gone, and these are added.
    """
    d = deliveries.c
    counted = conn.execute(
        sa.select(d.state, sa.func.count().label("rows"))
        .where(d.account_id == account_id, d.campaign_id == campaign_id)
        .group_by(d.state)
    ).all()
    _add_to_tally(conn, account_id, campaign_id, {r.state: r.rows for r in counted})


def _add_to_tally(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, counts: Mapping[str, int]
) -> None:
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    for state, count in counts.items():
        statement = insert(tallies).values(campaign_id=campaign_id, state=state, account_id=account_id, count=count)
        more = {"count": tallies.c["count"] + count}
        conn.execute(statement.on_conflict_do_update(index_elements=["campaign_id", "state"], set_=more))


def missing(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> dict[str, int]:
    """Who a campaign that is over has not reached through no fault of theirs, counted by why: `failed`, `expired`
    (put off until the deadline), `in_doubt`.
    """
    d = deliveries.c
    rows = conn.execute(
        sa.select(d.state, sa.func.count().label("rows"))
        .where(d.account_id == account_id, d.campaign_id == campaign_id, _IS_MISSING)
        .group_by(d.state)
    )
    return {"expired" if r.state == DeliveryState.BOUNCED else r.state: r.rows for r in rows}


def open_missing(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, doubtful: bool, now: datetime
) -> int:
    """Make those due again whom a closed campaign has not reached; those in doubt only if asked. How many.

    Their attempts go on being counted, and their deadline starts anew. The tally keeps those whose rows have gone.
    """
    d = deliveries.c
    mine = (d.account_id == account_id, d.campaign_id == campaign_id)
    there = conn.execute(sa.select(d.state, sa.func.count().label("rows")).where(*mine).group_by(d.state))
    _add_to_tally(conn, account_id, campaign_id, {r.state: -r.rows for r in there})
    conn.execute(tallies.delete().where(tallies.c.campaign_id == campaign_id, tallies.c["count"] == 0))
    wanted = _IS_MISSING if doubtful else sa.and_(_IS_MISSING, d.state != DeliveryState.IN_DOUBT)
    done = conn.execute(
        deliveries.update()
        .where(*mine, wanted)
        .values(state=DeliveryState.DUE, due_at=now, first_attempt_at=None, reason=None)
    )
    return done.rowcount


def forget_settled(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, limit: int) -> int:
    """Delete up to `limit` rows of a closed campaign; those that it has not reached stay, to be sent again."""
    d = deliveries.c
    # Locked, so that nobody opens it again meanwhile: then its rows would be counted as gone and be there.
    over = sa.select(campaigns.c.closed_at).where(campaigns.c.account_id == account_id, campaigns.c.id == campaign_id)
    if conn.execute(over.with_for_update()).scalar() is None:
        return 0
    gone = conn.execute(
        sa.select(d.contact_id)
        .where(d.account_id == account_id, d.campaign_id == campaign_id, d.state.in_(HAND_OVER_STATES))
        .where(sa.not_(_IS_MISSING))
        .limit(limit)
    )
    keys = [{"of": campaign_id, "who": row.contact_id} for row in gone]
    if keys:
        conn.execute(
            deliveries.delete().where(d.campaign_id == sa.bindparam("of"), d.contact_id == sa.bindparam("who")), keys
        )
    return len(keys)


def resolve_doubt(conn: sa.Connection, outcome: Outcome) -> bool:
    """A message in doubt was taken after all: who has it was reached, whatever became of a second sending.

    The row is accepted now, or, where the second sending is under way, as soon as that is settled. Whether it is now.
    """
    d = deliveries.c
    mine = (d.campaign_id == outcome.campaign_id, d.contact_id == outcome.contact_id)
    outbox.record(conn, outcome.events)
    # The campaign is locked first, as by whoever closes it: its balance sheet must count this row once.
    over = sa.select(campaigns.c.account_id, campaigns.c.closed_at).where(campaigns.c.id == outcome.campaign_id)
    campaign = conn.execute(over.with_for_update()).first()
    was = conn.execute(sa.select(d.state).where(*mine).with_for_update()).scalar()
    if was == DeliveryState.SENDING:
        conn.execute(deliveries.update().where(*mine).values(reason=_TAKEN))
        return False
    done = conn.execute(
        deliveries.update()
        .where(*mine, d.state != DeliveryState.ACCEPTED)
        .values(state=DeliveryState.ACCEPTED, reason=None)
    )
    if done.rowcount == 1 and campaign is not None and campaign.closed_at is not None and was is not None:
        moved = {DeliveryState.ACCEPTED.value: 1, str(was): -1}
        _add_to_tally(conn, AccountId(campaign.account_id), outcome.campaign_id, moved)
    return done.rowcount == 1
