"""Campaigns, their variants and links."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sillage.content.html import Link
from sillage.content.message import Source
from sillage.content.mime import Attachment
from sillage.domain.campaign import CampaignState, MessageKind, SourceKind
from sillage.domain.delivery import InDoubtPolicy
from sillage.domain.ids import AccountId, CampaignId, SegmentId, VariantId
from sillage.errors import BadInput, NotFound, Refused
from sillage.store.tables import campaigns, deliveries, links, senders, tallies, variant_files, variants


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
    pause_reason: str | None
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


@dataclass(frozen=True, slots=True)
class DraftVariant:
    """One version, for a share of the audience or for a segment of its own."""

    name: str
    source: Source
    links: tuple[Link, ...]
    share: float | None = None
    segment_id: SegmentId | None = None


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


def create(conn: sa.Connection, account_id: AccountId, draft: Draft, *, now: datetime) -> CampaignId:
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
    """Count deliveries by state: from the tally of a closed campaign, else from its rows."""
    closed = conn.execute(
        sa.select(tallies.c.state, tallies.c["count"].label("rows")).where(
            tallies.c.account_id == account_id, tallies.c.campaign_id == campaign_id
        )
    ).all()
    if closed:
        return Balance({row.state: row.rows for row in closed})
    rows = conn.execute(
        sa.select(deliveries.c.state, sa.func.count().label("rows"))
        .where(deliveries.c.account_id == account_id, deliveries.c.campaign_id == campaign_id)
        .group_by(deliveries.c.state)
    )
    return Balance({row.state: row.rows for row in rows})


def planned_contacts(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> list[int]:
    """Ids of contacts that a campaign has a delivery row for already."""
    query = sa.select(deliveries.c.contact_id).where(
        deliveries.c.account_id == account_id, deliveries.c.campaign_id == campaign_id
    )
    return [row.contact_id for row in conn.execute(query)]


def due(conn: sa.Connection, *, states: tuple[CampaignState, ...], before: datetime) -> list[Campaign]:
    """Campaigns of all accounts in some states whose time has come: for the scheduler alone."""
    return [_campaign(row) for row in conn.execute(_DUE, {"states": states, "before": before}).mappings()]


# Put together once: each window asks.
_DUE = (
    sa.select(*_COLUMNS)
    .where(
        campaigns.c.state.in_(sa.bindparam("states", expanding=True)),
        campaigns.c.send_at <= sa.bindparam("before", type_=campaigns.c.send_at.type),
    )
    .order_by(campaigns.c.send_at)
)


def with_rows(conn: sa.Connection, *, states: tuple[CampaignState, ...]) -> list[tuple[AccountId, CampaignId]]:
    """Campaigns of all accounts that are over and still have delivery rows that may go: for the scheduler alone."""
    d = deliveries.c
    kept = (
        sa.select(d.contact_id)
        .where(
            d.campaign_id == campaigns.c.id,
            d.state.in_(("accepted", "bounced", "suppressed", "skipped")),
        )
        .exists()
    )
    query = sa.select(campaigns.c.account_id, campaigns.c.id).where(
        campaigns.c.state.in_(states), campaigns.c.closed_at.is_not(None), kept
    )
    return [(AccountId(row.account_id), CampaignId(row.id)) for row in conn.execute(query)]
