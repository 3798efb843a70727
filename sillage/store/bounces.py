"""What follows from bounces: policies, counts, recommendations, and the way back for people lost by a wrong rule.

A bounce is kept here by the id of its event, so a replay is the same row. Blocks and what nobody understands say
nothing of a person and are not kept. A count begins anew with each delivery since, unless that message came back too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain.bounce_policy import DEFAULT_POLICY, SUPPRESSION_REASONS, BouncePolicy, Follow
from sillage.domain.bounce_rules import BounceClass
from sillage.domain.consent import Channel
from sillage.domain.ids import AccountId, CampaignId, ContactId
from sillage.lake.event import Event, EventType
from sillage.store.suppressions import suppress_contact
from sillage.store.tables import bounce_policies, contact_bounces, contacts, deliveries_since, suppressions

OF_PERSONS = frozenset({BounceClass.NPAI, BounceClass.HARD, BounceClass.SOFT, BounceClass.TRANSIENT})
"""Classes that say something of a person's address."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a policy would do to the list as it is: numbers of contacts."""

    deactivated: int
    """Mailable now, and not any more: their last bounce is of a class that deactivates."""
    offered_back: int
    """Out now, by a class that no longer deactivates."""
    recommended: int
    """Counted often enough for removal to be recommended."""
    counted: int
    """With at least one bounce that counts."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """A contact whose removal is recommended, and why."""

    contact_id: ContactId
    email: str | None
    bounces: int
    campaigns: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """A bounce that put a contact out, as it was judged."""

    id: bytes
    contact_id: ContactId
    campaign_id: CampaignId
    suppression: str
    bounce_class: BounceClass
    status: str | None
    smtp_code: int | None
    rule: str | None
    diagnostic: str | None


def policy_of(conn: sa.Connection, account_id: AccountId) -> BouncePolicy:
    """An account's policy; the default where it chose none."""
    row = conn.execute(sa.select(bounce_policies).where(bounce_policies.c.account_id == account_id)).first()
    if row is None:
        return DEFAULT_POLICY
    follows = {BounceClass(key): Follow(value) for key, value in row.follows.items()}
    return BouncePolicy(follows, row.recommend_after, row.within_days, row.min_campaigns)


def save_policy(conn: sa.Connection, account_id: AccountId, policy: BouncePolicy, *, now: datetime) -> None:
    """Let a policy hold from now on."""
    conn.execute(sa.delete(bounce_policies).where(bounce_policies.c.account_id == account_id))
    conn.execute(
        bounce_policies.insert().values(
            account_id=account_id,
            follows={key.value: value.value for key, value in policy.follows.items()},
            recommend_after=policy.recommend_after,
            within_days=policy.within_days,
            min_campaigns=policy.min_campaigns,
            updated_at=now,
        )
    )


def follow(conn: sa.Connection, events: Sequence[Event], *, now: datetime) -> None:
    """Let follow what follows from a window's outcomes, in the transaction that records them."""
    bounced = [event for event in events if event.type is EventType.BOUNCED and not event.is_test]
    policies: dict[AccountId, BouncePolicy] = {}
    for event in bounced:
        account_id, kind = AccountId(event.account_id), BounceClass(event.bounce_class or BounceClass.UNKNOWN)
        if account_id not in policies:
            policies[account_id] = policy_of(conn, account_id)
        if event.contact_id and policies[account_id].of(kind) is Follow.DEACTIVATE:
            suppress_contact(
                conn,
                account_id,
                ContactId(event.contact_id),
                channel=event.channel,
                reason=SUPPRESSION_REASONS[kind],
                campaign_id=CampaignId(event.campaign_id) if event.campaign_id else None,
                now=now,
            )
    note(conn, bounced)
    _delivered(conn, [event for event in events if event.type is EventType.ACCEPTED and not event.is_test])


def note(conn: sa.Connection, events: Iterable[Event]) -> None:
    """Keep bounces that say something of a person; one that is known already stays as it is."""
    kept = [event for event in events if event.contact_id and event.campaign_id and event.bounce_class in OF_PERSONS]
    returned = [event for event in kept if event.via != "session"]
    rows = [
        {
            "id": event.id.bytes,
            "account_id": event.account_id,
            "contact_id": event.contact_id,
            "campaign_id": event.campaign_id,
            "provider": event.provider,
            "bounce_class": event.bounce_class,
            "reason": event.reason,
            "status": event.status,
            "smtp_code": event.smtp_code,
            "rule": event.rule,
            "diagnostic": event.diagnostic,
            "occurred_at": event.occurred_at,
        }
        for event in kept
    ]
    if not rows:
        return
    conn.execute(_insert(conn, contact_bounces).on_conflict_do_nothing(), rows)
    since = deliveries_since.c
    for event in returned:
        # The message was taken and came back: that was no delivery.
        conn.execute(
            sa.delete(deliveries_since).where(
                since.contact_id == event.contact_id, since.campaign_id == event.campaign_id
            )
        )


def _delivered(conn: sa.Connection, accepted: Sequence[Event]) -> None:
    if not accepted:
        return
    # On the way of every message, so as plain as it gets: numbers only, and of one index.
    people = ", ".join(str(int(event.contact_id)) for event in accepted if event.contact_id)
    owners = ", ".join({str(int(event.account_id)) for event in accepted})
    query = (
        f"select distinct contact_id from contact_bounces where account_id in ({owners}) and contact_id in ({people})"
    )
    known = {row[0] for row in conn.exec_driver_sql(query)} if people else set()
    rows = [
        {
            "account_id": event.account_id,
            "contact_id": event.contact_id,
            "campaign_id": event.campaign_id,
            "accepted_at": event.occurred_at,
        }
        for event in accepted
        if event.contact_id in known
    ]
    if rows:
        insert = _insert(conn, deliveries_since)
        conn.execute(
            insert.on_conflict_do_update(
                index_elements=["contact_id", "campaign_id"], set_={"accepted_at": insert.excluded.accepted_at}
            ),
            rows,
        )


def effect(conn: sa.Connection, account_id: AccountId, policy: BouncePolicy, *, now: datetime) -> Effect:
    """What a policy would do to the list as it is; nothing is changed."""
    return Effect(
        deactivated=len(_to_deactivate(conn, account_id, policy)),
        offered_back=len(_to_offer_back(conn, account_id, policy)),
        recommended=len(conn.execute(_counted(account_id, policy, now=now)).all()),
        counted=len(conn.execute(_counted(account_id, policy, now=now, only_enough=False)).all()),
    )


def apply_policy(conn: sa.Connection, account_id: AccountId, policy: BouncePolicy, *, now: datetime) -> None:
    """Do to the list as it is what `effect` told: deactivate, and offer back."""
    for contact_id, kind, campaign_id in _to_deactivate(conn, account_id, policy):
        suppress_contact(
            conn, account_id, contact_id, channel=Channel.EMAIL, reason=SUPPRESSION_REASONS[kind],
            campaign_id=campaign_id, now=now,
        )  # fmt: skip
    lift(conn, account_id, _to_offer_back(conn, account_id, policy))


def recommended(
    conn: sa.Connection, account_id: AccountId, policy: BouncePolicy, *, now: datetime, limit: int = 1_000
) -> list[Recommended]:
    """Contacts whose removal is recommended, those with the most bounces first."""
    counted = _counted(account_id, policy, now=now).subquery()
    rows = conn.execute(
        sa.select(counted, contacts.c.email)
        .join(contacts, contacts.c.id == counted.c.contact_id)
        .where(contacts.c.account_id == account_id)
        .order_by(counted.c.bounces.desc(), counted.c.contact_id)
        .limit(limit)
    )
    return [Recommended(ContactId(r.contact_id), r.email, r.bounces, r.campaigns, r.first_at, r.last_at) for r in rows]


def remove(conn: sa.Connection, account_id: AccountId, contact_ids: Iterable[ContactId], *, now: datetime) -> int:
    """Stop mail to contacts whose mailboxes stay full or disabled; how many that concerned."""
    return sum(
        suppress_contact(
            conn, account_id, contact_id, channel=Channel.EMAIL, reason="soft_bounce", campaign_id=None, now=now
        )
        for contact_id in contact_ids
    )


def decided(conn: sa.Connection, account_id: AccountId) -> list[Decided]:
    """The bounces for which contacts are out now, the newest first, as they were judged."""
    b, s = contact_bounces.c, suppressions.c
    rows = conn.execute(
        sa.select(contact_bounces, s.reason.label("suppression"))
        .join(suppressions, sa.and_(s.account_id == b.account_id, s.contact_id == b.contact_id))
        .where(
            b.account_id == account_id,
            s.channel == Channel.EMAIL,
            s.campaign_id == b.campaign_id,
            s.reason.in_(SUPPRESSION_REASONS.values()),
        )
        .order_by(b.occurred_at.desc(), b.id)
    )
    return [
        Decided(
            bytes(r.id), ContactId(r.contact_id), CampaignId(r.campaign_id), r.suppression, BounceClass(r.bounce_class),
            r.status, r.smtp_code, r.rule, r.diagnostic,
        )
        for r in rows
    ]  # fmt: skip


def judge_anew(
    conn: sa.Connection,
    account_id: AccountId,
    bounce_id: bytes,
    bounce_class: BounceClass,
    reason: str | None,
    rule: str | None,
) -> None:
    """Let a bounce have another class than it had."""
    b = contact_bounces.c
    conn.execute(
        sa.update(contact_bounces)
        .where(b.account_id == account_id, b.id == bounce_id)
        .values(bounce_class=bounce_class.value, reason=reason, rule=rule)
    )


def lift(conn: sa.Connection, account_id: AccountId, contact_ids: Collection[ContactId]) -> int:
    """Let contacts back that were out for a bounce, and for nothing else; how many that concerned."""
    done = 0
    for contact_id in contact_ids:
        done += conn.execute(
            sa.delete(suppressions).where(
                suppressions.c.account_id == account_id,
                suppressions.c.contact_id == contact_id,
                suppressions.c.channel == Channel.EMAIL,
                suppressions.c.reason.in_(SUPPRESSION_REASONS.values()),
            )
        ).rowcount
    return done


def forget(conn: sa.Connection, account_id: AccountId, contact_id: ContactId) -> None:
    """Forget a contact's bounces: for erasure."""
    for table in (contact_bounces, deliveries_since):
        conn.execute(sa.delete(table).where(table.c.account_id == account_id, table.c.contact_id == contact_id))


def _insert(conn: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)


def _since_last_delivery() -> sa.ColumnElement[bool]:
    """A bounce behind which no delivery to the same contact stands."""
    b, d = contact_bounces.c, deliveries_since.c
    return ~sa.exists().where(d.account_id == b.account_id, d.contact_id == b.contact_id, d.accepted_at > b.occurred_at)


def _is_out() -> sa.ColumnElement[bool]:
    b, s = contact_bounces.c, suppressions.c
    return sa.exists().where(
        s.account_id == b.account_id, s.contact_id == b.contact_id, s.channel == Channel.EMAIL.value
    )


def _counted(
    account_id: AccountId, policy: BouncePolicy, *, now: datetime, only_enough: bool = True
) -> sa.Select[tuple[int, int, int, datetime, datetime]]:
    """Contacts that are mailed to, with their bounces that count."""
    b = contact_bounces.c
    bounces = sa.func.count().label("bounces")
    campaigns = sa.func.count(b.campaign_id.distinct()).label("campaigns")
    query = (
        sa.select(
            b.contact_id,
            bounces,
            campaigns,
            sa.func.min(b.occurred_at).label("first_at"),
            sa.func.max(b.occurred_at).label("last_at"),
        )
        .where(
            b.account_id == account_id,
            b.bounce_class.in_(policy.classes(Follow.COUNT)),
            b.occurred_at > now - timedelta(days=policy.within_days),
            _since_last_delivery(),
            ~_is_out(),
        )
        .group_by(b.contact_id)
    )
    return query.having(bounces >= policy.recommend_after, campaigns >= policy.min_campaigns) if only_enough else query


def _to_deactivate(
    conn: sa.Connection, account_id: AccountId, policy: BouncePolicy
) -> list[tuple[ContactId, BounceClass, CampaignId]]:
    b = contact_bounces.c
    rows = conn.execute(
        sa.select(b.contact_id, b.bounce_class, b.campaign_id)
        .where(
            b.account_id == account_id,
            b.bounce_class.in_(policy.classes(Follow.DEACTIVATE)),
            _since_last_delivery(),
            ~_is_out(),
        )
        .order_by(b.contact_id, b.occurred_at)
    )
    last = {r.contact_id: (ContactId(r.contact_id), BounceClass(r.bounce_class), r.campaign_id) for r in rows}
    return list(last.values())


def _to_offer_back(conn: sa.Connection, account_id: AccountId, policy: BouncePolicy) -> list[ContactId]:
    kept_out = {SUPPRESSION_REASONS[kind] for kind in policy.classes(Follow.DEACTIVATE)}
    s = suppressions.c
    rows = conn.execute(
        sa.select(s.contact_id).where(
            s.account_id == account_id,
            s.channel == Channel.EMAIL,
            s.contact_id.is_not(None),
            # Removed by hand on a recommendation: no campaign decided, and no policy brings them back.
            s.campaign_id.is_not(None),
            s.reason.in_(set(SUPPRESSION_REASONS.values()) - kept_out),
        )
    )
    return [ContactId(row.contact_id) for row in rows]
