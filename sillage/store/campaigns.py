"""Campaigns, their variants and links."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sillage.content.html import Link
from sillage.content.message import Source
from sillage.content.mime import Attachment
from sillage.domain.campaign import CampaignState, MessageKind, Priority, SourceKind
from sillage.domain.delivery import InDoubtPolicy
from sillage.domain.ids import AccountId, CampaignId, SegmentId, VariantId
from sillage.errors import BadInput, NotFound, Refused
from sillage.store.tables import campaigns, deliveries, links, paused_slices, senders, tallies, variant_files, variants


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a campaign comes from."""

    id: int
    name: str
    email: str
    reply_to: str | None
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Variant:
    """One version of a campaign's message."""

    id: VariantId
    position: int
    name: str
    share: float | None
    segment_id: SegmentId | None
    source: Source
    sender_id: int | None = None
    """Who it comes from, where not the campaign's sender."""
    offset_s: int = 0
    """How long after the campaign's time it leaves, in seconds."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it lies in ops."""

    id: CampaignId
    account_id: AccountId
    name: str
    kind: MessageKind
    channel: str
    state: CampaignState
    sender_id: int
    include: list[int]
    exclude: list[int]
    send_at: datetime | None
    retry_for_s: int
    in_doubt: InDoubtPolicy
    priority: Priority
    weight: int
    """How much of a provider's room it gets beside others of its priority."""
    per_hour: int | None
    """Messages an hour at most, first attempts and others; None: no limit."""
    spread_s: int
    """Over how many seconds its first attempts are spread."""
    is_local_time: bool
    """Whether `send_at` is what the clock shows where each contact lives, as it shows it where the account is."""
    late_after_s: int
    """How late, in seconds, it may still leave without asking."""
    starts_at: datetime | None
    """When the first of its messages is due; None before it is scheduled."""
    pause_reason: str | None
    created_by: int | None
    """The user who made it; None where a program did."""
    audience: int | None
    left_out: dict[str, int]
    started_at: datetime | None
    closed_at: datetime | None
    planned_at: datetime | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a campaign is made from, checked by its maker."""

    name: str
    kind: MessageKind
    sender_id: int
    include: list[SegmentId]
    exclude: list[SegmentId]
    variants: list[DraftVariant]
    send_at: datetime | None = None
    retry_for_s: int = 86_400
    in_doubt: InDoubtPolicy = InDoubtPolicy.HOLD
    priority: Priority = Priority.BULK
    weight: int = 1
    per_hour: int | None = None
    spread_s: int = 0
    is_local_time: bool = False
    late_after_s: int = 21_600


@dataclass(frozen=True, slots=True)
class DraftVariant:
    """One version, for a share of the audience or for a segment of its own."""

    name: str
    source: Source
    links: tuple[Link, ...]
    share: float | None = None
    segment_id: SegmentId | None = None
    sender_id: int | None = None
    offset_s: int = 0


_COLUMNS = [campaigns.c[name] for name in Campaign.__dataclass_fields__]


def add_sender(
    conn: sa.Connection,
    account_id: AccountId,
    name: str,
    email: str,
    *,
    now: datetime,
    reply_to: str | None = None,
    verified_at: datetime | None = None,
) -> Sender:
    """Add a sender, or give the one with that name and address."""
    where = (senders.c.account_id == account_id, senders.c.email == email, senders.c.name == name)
    held = conn.execute(sa.select(senders.c.id).where(*where)).scalar()
    if held is None:
        conn.execute(
            senders.insert().values(
                account_id=account_id,
                name=name,
                email=email,
                reply_to=reply_to,
                verified_at=verified_at,
                created_at=now,
            )
        )
        held = conn.execute(sa.select(senders.c.id).where(*where)).scalar_one()
    return sender(conn, account_id, int(held))


def sender(conn: sa.Connection, account_id: AccountId, sender_id: int) -> Sender:
    """Raises: NotFound."""
    row = conn.execute(sa.select(senders).where(senders.c.account_id == account_id, senders.c.id == sender_id)).first()
    if row is None:
        raise NotFound(f"no sender {sender_id}")
    return Sender(row.id, row.name, row.email, row.reply_to, row.verified_at)


def senders_of(conn: sa.Connection, account_id: AccountId) -> list[Sender]:
    """All senders of an account."""
    rows = conn.execute(sa.select(senders).where(senders.c.account_id == account_id).order_by(senders.c.id))
    return [Sender(r.id, r.name, r.email, r.reply_to, r.verified_at) for r in rows]


def create(
    conn: sa.Connection, account_id: AccountId, draft: Draft, *, now: datetime, by: int | None = None
) -> CampaignId:
    """Write a campaign with its variants and links, as a draft.

    Raises: BadInput where the account has one of that name.
    """
    taken = sa.select(campaigns.c.id).where(campaigns.c.account_id == account_id, campaigns.c.name == draft.name)
    if conn.execute(taken).first():
        raise BadInput(f"there is a campaign {draft.name!r} already; choose another name", code="name_taken")
    conn.execute(
        campaigns.insert().values(
            account_id=account_id,
            name=draft.name,
            kind=draft.kind,
            sender_id=draft.sender_id,
            include=draft.include,
            exclude=draft.exclude,
            send_at=draft.send_at,
            retry_for_s=draft.retry_for_s,
            in_doubt=draft.in_doubt,
            priority=draft.priority,
            weight=draft.weight,
            per_hour=draft.per_hour,
            spread_s=draft.spread_s,
            is_local_time=draft.is_local_time,
            late_after_s=draft.late_after_s,
            created_by=by,
            created_at=now,
        )
    )
    campaign_id = CampaignId(conn.execute(taken).scalar_one())
    for position, variant in enumerate(draft.variants, 1):
        _add_variant(conn, account_id, campaign_id, position, variant)
    return campaign_id


def _add_variant(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, position: int, variant: DraftVariant
) -> None:
    source = variant.source
    done = conn.execute(
        variants.insert().values(
            account_id=account_id,
            campaign_id=campaign_id,
            position=position,
            name=variant.name,
            share=variant.share,
            segment_id=variant.segment_id,
            sender_id=variant.sender_id,
            offset_s=variant.offset_s,
            subject=source.subject,
            preheader=source.preheader,
            source_kind=source.kind,
            source=source.body,
            text=source.text,
            defaults=dict(source.defaults),
        )
    )
    (variant_id,) = done.inserted_primary_key or (None,)
    attached = [
        {
            "account_id": account_id,
            "variant_id": variant_id,
            "position": at,
            "name": file.name,
            "type": file.type,
            "cid": file.cid,
            "content": file.content,
        }
        for at, file in enumerate(source.files)
    ]
    if attached:
        conn.execute(variant_files.insert(), attached)
    rows = [
        {
            "account_id": account_id,
            "campaign_id": campaign_id,
            "variant_id": variant_id,
            "number": link.number,
            "url": link.url,
            "label": link.label,
        }
        for link in variant.links
    ]
    if rows:
        conn.execute(links.insert(), rows)


def get(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> Campaign:
    """Raises: NotFound."""
    row = conn.execute(
        sa.select(*_COLUMNS).where(campaigns.c.account_id == account_id, campaigns.c.id == campaign_id)
    ).mappings().first()  # fmt: skip
    if row is None:
        raise NotFound(f"no campaign {campaign_id}")
    return _campaign(row)


def by_name(conn: sa.Connection, account_id: AccountId, name: str) -> Campaign:
    """Raises: NotFound."""
    row = conn.execute(
        sa.select(*_COLUMNS).where(campaigns.c.account_id == account_id, campaigns.c.name == name)
    ).mappings().first()  # fmt: skip
    if row is None:
        raise NotFound(f"no campaign {name!r}")
    return _campaign(row)


def listed(conn: sa.Connection, account_id: AccountId) -> list[Campaign]:
    """All campaigns of an account, the newest first."""
    query = sa.select(*_COLUMNS).where(campaigns.c.account_id == account_id).order_by(campaigns.c.id.desc())
    return [_campaign(row) for row in conn.execute(query).mappings()]


def _campaign(row: Any) -> Campaign:
    values = dict(row)
    return Campaign(
        **{
            **values,
            "kind": MessageKind(values["kind"]),
            "state": CampaignState(values["state"]),
            "in_doubt": InDoubtPolicy(values["in_doubt"]),
            "priority": Priority(values["priority"]),
        }
    )


def variants_of(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> list[Variant]:
    """The variants of a campaign, in their order."""
    query = (
        sa.select(variants)
        .where(variants.c.account_id == account_id, variants.c.campaign_id == campaign_id)
        .order_by(variants.c.position)
    )
    return [
        Variant(
            VariantId(r.id),
            r.position,
            r.name,
            r.share,
            r.segment_id,
            Source(
                SourceKind(r.source_kind),
                r.source,
                r.subject,
                r.preheader,
                r.text,
                tuple(sorted(r.defaults.items())),
                _files_of(conn, account_id, r.id),
            ),
            r.sender_id,
            r.offset_s,
        )
        for r in conn.execute(query)
    ]


def _files_of(conn: sa.Connection, account_id: AccountId, variant_id: int) -> tuple[Attachment, ...]:
    f = variant_files.c
    query = sa.select(f.name, f.type, f.content, f.cid).where(f.account_id == account_id, f.variant_id == variant_id)
    return tuple(Attachment(r.name, r.type, bytes(r.content), r.cid) for r in conn.execute(query.order_by(f.position)))


def move(
    conn: sa.Connection,
    account_id: AccountId,
    campaign_id: CampaignId,
    *,
    to: CampaignState,
    only_from: tuple[CampaignState, ...],
    **values: Any,
) -> None:
    """Bring a campaign from one of some states to another, in one statement, so that two movers can't both win.

    Raises: Refused where it is in none of them.
    """
    done = conn.execute(
        campaigns.update()
        .where(campaigns.c.account_id == account_id, campaigns.c.id == campaign_id, campaigns.c.state.in_(only_from))
        .values(state=to, **values)
    )
    if done.rowcount != 1:
        held = get(conn, account_id, campaign_id)
        raise Refused(f"campaign {held.name!r} is {held.state}; it can't become {to}")


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance sheet of a campaign: deliveries by state. It is closed when nothing is left to do."""

    counts: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, state: str) -> int:
        return self.counts.get(state, 0)

    @property
    def audience(self) -> int:
        """All recipients."""
        return sum(self.counts.values())


def balance(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> Balance:
    """Count deliveries by state: from the tally of a campaign that is over, else from its rows.

    One that was opened again for who was missed has both: its tally then counts those whose rows have gone.
    """
    over = conn.execute(
        sa.select(campaigns.c.closed_at).where(campaigns.c.account_id == account_id, campaigns.c.id == campaign_id)
    ).scalar()
    counts = {
        row.state: row.rows
        for row in conn.execute(
            sa.select(tallies.c.state, tallies.c["count"].label("rows")).where(
                tallies.c.account_id == account_id, tallies.c.campaign_id == campaign_id
            )
        )
    }
    if over is not None and counts:
        return Balance(counts)
    rows = conn.execute(
        sa.select(deliveries.c.state, sa.func.count().label("rows"))
        .where(deliveries.c.account_id == account_id, deliveries.c.campaign_id == campaign_id)
        .group_by(deliveries.c.state)
    )
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + row.rows
    return Balance(counts)


def balances(conn: sa.Connection, account_id: AccountId) -> dict[CampaignId, Balance]:
    """The balance sheets of all campaigns of an account that have one, in two questions."""
    tallied = sa.select(tallies.c.campaign_id).where(tallies.c.account_id == account_id).distinct()
    closed = sa.select(tallies.c.campaign_id, tallies.c.state, tallies.c["count"].label("rows")).where(
        tallies.c.account_id == account_id
    )
    d = deliveries.c
    # One campaign at a time goes by the key; all at once, without naming them, would read every row.
    open_ids = sa.select(campaigns.c.id).where(campaigns.c.account_id == account_id, campaigns.c.id.not_in(tallied))
    counted = (
        sa.select(d.campaign_id, d.state, sa.func.count().label("rows"))
        .where(d.account_id == account_id, d.campaign_id.in_(open_ids))
        .group_by(d.campaign_id, d.state)
    )
    found: dict[CampaignId, dict[str, int]] = {}
    for query in (closed, counted):
        for row in conn.execute(query):
            found.setdefault(CampaignId(row.campaign_id), {})[row.state] = row.rows
    return {campaign_id: Balance(counts) for campaign_id, counts in found.items()}


def planned_contacts(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> list[int]:
    """Ids of contacts that a campaign has a delivery row for already."""
    return [contact for contact, _, _ in planned_rows(conn, account_id, campaign_id)]


def planned_rows(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> list[tuple[int, int, str]]:
    """The delivery rows that a campaign has already: contact, variant, state."""
    query = sa.select(deliveries.c.contact_id, deliveries.c.variant_id, deliveries.c.state).where(
        deliveries.c.account_id == account_id, deliveries.c.campaign_id == campaign_id
    )
    return [(row.contact_id, row.variant_id, row.state) for row in conn.execute(query)]


def due(conn: sa.Connection, *, states: tuple[CampaignState, ...], before: datetime) -> list[Campaign]:
    """Campaigns of all accounts in some states whose time has come: for the scheduler alone."""
    return [_campaign(row) for row in conn.execute(_DUE, {"states": states, "before": before}).mappings()]


_STARTS = sa.func.coalesce(campaigns.c.starts_at, campaigns.c.send_at)
# Put together once: each window asks.
_DUE = (
    sa.select(*_COLUMNS)
    .where(
        campaigns.c.state.in_(sa.bindparam("states", expanding=True)),
        sa.bindparam("before", type_=campaigns.c.send_at.type) >= _STARTS,
    )
    .order_by(_STARTS, campaigns.c.id)
)


def hold_late(conn: sa.Connection, *, unseen_since: datetime, now: datetime) -> list[tuple[AccountId, CampaignId]]:
    """Hold campaigns of all accounts that ran when the last worker was seen, where that is later ago than each may be
    late: a person says whether they go on now. For the scheduler alone.
    """
    gap = int((now - unseen_since).total_seconds())
    c = campaigns.c
    late = (c.state.in_((CampaignState.SENDING, CampaignState.WAITING)), c.late_after_s < gap)
    found = [
        (AccountId(r.account_id), CampaignId(r.id)) for r in conn.execute(sa.select(c.account_id, c.id).where(*late))
    ]
    if found:
        reason = f"nothing was sending for {gap / 3600:.1f} hours"
        conn.execute(campaigns.update().where(*late).values(state=CampaignState.HELD, pause_reason=reason))
    return found


def oldest_due(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> datetime | None:
    """The earliest due time among the rows that wait at providers that are not paused."""
    d = deliveries.c
    paused = sa.select(paused_slices.c.provider).where(paused_slices.c.campaign_id == campaign_id)
    query = sa.select(sa.func.min(d.due_at)).where(
        d.account_id == account_id,
        d.campaign_id == campaign_id,
        d.state == sa.literal_column("'due'"),
        d.provider.not_in(paused),
    )
    found: datetime | None = conn.execute(query).scalar()
    return found


def active_since(conn: sa.Connection, account_id: AccountId, moment: datetime) -> list[CampaignId]:
    """Campaigns of an account that left or may have sent since a moment."""
    query = sa.select(campaigns.c.id).where(
        campaigns.c.account_id == account_id,
        campaigns.c.started_at.is_not(None),
        sa.or_(campaigns.c.closed_at.is_(None), campaigns.c.closed_at >= moment),
    )
    return [CampaignId(row.id) for row in conn.execute(query.order_by(campaigns.c.id))]


def with_rows(conn: sa.Connection, *, states: tuple[CampaignState, ...]) -> list[tuple[AccountId, CampaignId]]:
    """Campaigns of all accounts that are over and still have delivery rows that may go: for the scheduler alone."""
    d = deliveries.c
    kept = (
        sa.select(d.contact_id)
        .where(
            d.campaign_id == campaigns.c.id,
            sa.or_(
                d.state.in_(("accepted", "suppressed", "skipped")),
                sa.and_(d.state == "bounced", sa.func.coalesce(d.reason, "") != "expired"),
            ),
        )
        .exists()
    )
    query = sa.select(campaigns.c.account_id, campaigns.c.id).where(
        campaigns.c.state.in_(states), campaigns.c.closed_at.is_not(None), kept
    )
    return [(AccountId(row.account_id), CampaignId(row.id)) for row in conn.execute(query)]


def link_urls(conn: sa.Connection, account_id: AccountId, *, limit: int) -> list[str]:
    """Where the links of an account's campaigns lead, each once, those of the newest campaigns first."""
    newest = sa.func.max(links.c.campaign_id)
    query = sa.select(links.c.url).where(links.c.account_id == account_id).group_by(links.c.url)
    return [str(row[0]) for row in conn.execute(query.order_by(newest.desc(), links.c.url).limit(limit))]
