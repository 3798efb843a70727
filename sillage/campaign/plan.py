"""Planning: freeze a campaign's audience into one delivery row per recipient."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl
import sqlalchemy as sa

from sillage.campaign.ab_sample import WRITTEN, draw
from sillage.campaign.approval import take_back_if_changed
from sillage.campaign.audience import Audience, audience_of
from sillage.campaign.prepare import prepare
from sillage.campaign.timing import due_times
from sillage.content.merge import segments_named
from sillage.content.message import Compiled
from sillage.domain.campaign import CampaignState as S
from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import BadInput, Refused
from sillage.lake.event import Event, EventType, event_id
from sillage.settings import Settings
from sillage.store import ab_tests, accounts, campaigns, outbox, seen_segments, segments
from sillage.store.campaigns import Campaign, Variant
from sillage.store.columns import from_micros
from sillage.store.database import Store

CHUNK_SECONDS = 0.05
FIRST_CHUNK = 2_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was planned: recipients, by variant, and who was left out and why."""

    campaign_id: CampaignId
    audience: int
    by_variant: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    held: int = 0
    """Who waits for the winner of the campaign's test."""
    held_out: int = 0
    """Who gets nothing, to measure the campaign against."""


def plan_campaign(
    store: Store,
    settings: Settings,
    account_id: AccountId,
    campaign_id: CampaignId,
    *,
    progress: Progress | None = None,
) -> Plan:
    """Freeze the audience of a scheduled campaign, in chunks of 50 ms, and seal it.

    The primary key (campaign, contact) is why nobody is planned twice, however many planners run at once; one that
    was killed is finished by the next. A recipient planned before a kill stays, even if they have left the segment.

    Raises: Refused where the campaign is past planning, or has to be approved and is not as it is now; BadInput where
    a source can't be compiled, a merge field is empty for somebody and has no default, or nobody may be mailed: the
    campaign then is a draft again.
    """
    with store.write() as conn:
        why = take_back_if_changed(conn, account_id, campaign_id, now=settings.clock.now())
        if why is None:
            campaigns.move(conn, account_id, campaign_id, to=S.PLANNING, only_from=(S.SCHEDULED, S.PLANNING))
    if why is not None:
        raise Refused(why)
    try:
        return _plan(store, settings, account_id, campaign_id, progress or (lambda _done, _total: None))
    except BadInput:
        with store.write() as conn:
            campaigns.move(conn, account_id, campaign_id, to=S.DRAFT, only_from=(S.PLANNING,))
        raise


def _plan(store: Store, settings: Settings, account_id: AccountId, campaign_id: CampaignId, progress: Progress) -> Plan:
    now = settings.clock.now()
    with store.read() as conn:
        campaign = campaigns.get(conn, account_id, campaign_id)
        account = accounts.by_id(conn, account_id)
        variants = campaigns.variants_of(conn, account_id, campaign_id)
        compiled = {v.name: prepare(conn, settings, campaign, v) for v in variants}
        known = segments.listed(conn, account_id)
        trees: dict[int, object] = {s.id: s.tree for s in known}
        kept = ab_tests.of_campaign(conn, account_id, campaign_id)
        test = kept.test if kept is not None else None
        # Nobody else writes these rows: two planners draw the same, and one that was killed is gone.
        written = pl.DataFrame(campaigns.planned_rows(conn, account_id, campaign_id), schema=WRITTEN, orient="row")
    asked = _asked(variants, {s.name: s.tree for s in known})
    with audience_of(store, account_id, settings) as audience:
        members = audience.members(
            [trees[i] for i in campaign.include], [trees[i] for i in campaign.exclude], kind=campaign.kind, now=now
        )
        left_out = dict(members.filter(pl.col("left_out").is_not_null()).group_by("left_out").len().iter_rows())
        people = members.filter(pl.col("left_out").is_null()).drop("left_out")
        if test is None:
            people = _with_variants(people, campaign, variants, audience, trees)
            people = people.with_columns(state=pl.lit("due"), reason=pl.lit(None, dtype=pl.String))
        if people.height == 0:
            why = ", ".join(f"{n:,} {reason}" for reason, n in sorted(left_out.items())) or "its segments are empty"
            raise BadInput(f"campaign {campaign.name!r} has nobody to mail: {why}", code="no_recipient")
        if test is not None:
            people = draw(people, campaign, variants, test, written, settings.secret.get_secret_value())
        _refuse_empty_fields(audience, people, variants, compiled)
        places = audience.places(people) if campaign.is_local_time else None
        seen = {name: people["contact_id"].filter(people["contact_id"].is_in(audience.in_segment(tree).implode()))
                for name, tree in asked.items()}  # fmt: skip
        people = _with_segments(people, campaign, audience, trees)
    offsets = {int(v.id): v.offset_s * 1_000_000 for v in variants if v.offset_s}
    people = people.with_columns(due_times(campaign, account.timezone, people, places, now))
    if offsets:
        after = pl.col("variant_id").replace_strict(offsets, default=0, return_dtype=pl.Int64)
        people = people.with_columns(due=pl.col("due") + after)
    _note_segments(store, campaign, seen)
    missing = people.join(written, on="contact_id", how="anti", maintain_order="left") if written.height else people
    _write_rows(store, campaign, missing, now, progress)
    with store.write() as conn:
        total = campaigns.balance(conn, account_id, campaign_id).audience
        campaigns.move(
            conn, account_id, campaign_id, to=S.PLANNED, only_from=(S.PLANNING,), audience=total, left_out=left_out,
            planned_at=now, starts_at=from_micros(int(people["due"].min())),  # type: ignore[arg-type]
        )  # fmt: skip
    names = {v.id: v.name for v in variants}
    counted = {names[v]: n for v, n in people.group_by("variant_id").len().iter_rows() if v in names}
    states = dict(people.group_by("state").len().iter_rows())
    return Plan(campaign_id, total, counted, left_out, states.get("held", 0), states.get("skipped", 0))


def _with_variants(
    people: pl.DataFrame, campaign: Campaign, variants: list[Variant], audience: Audience, trees: dict[int, object]
) -> pl.DataFrame:
    """Give each person a variant: by segments (the first that fits; who is in none is not mailed) or by shares.

    Shares are exact to one person, random, disjoint, and the same however often they are drawn.
    """
    if variants[0].segment_id is not None:
        chosen = pl.lit(None, dtype=pl.Int64)
        for variant in reversed(variants):
            ids = audience.in_segment(trees[variant.segment_id or 0])
            chosen = pl.when(pl.col("contact_id").is_in(ids.implode())).then(variant.id).otherwise(chosen)
        return people.with_columns(variant_id=chosen).filter(pl.col("variant_id").is_not_null())
    seed = int.from_bytes(hashlib.blake2b(f"variants:{campaign.id}".encode(), digest_size=8).digest())
    order = np.random.default_rng(seed).permutation(people.height)
    shares = [v.share if v.share is not None else 1 / len(variants) for v in variants]
    cuts = np.round(np.cumsum(shares) * people.height).astype(int)
    variant_ids = np.array([v.id for v in variants])
    assigned = np.empty(people.height, dtype=np.int64)
    assigned[order] = variant_ids[
        np.searchsorted(cuts, np.arange(people.height), side="right").clip(max=len(variants) - 1)
    ]
    return people.with_columns(variant_id=pl.Series(assigned))


def _with_segments(
    people: pl.DataFrame, campaign: Campaign, audience: Audience, trees: dict[int, object]
) -> pl.DataFrame:
    """For each person the first of the campaign's segments that they are in: what reports are split by, for good."""
    first, *others = campaign.include
    if not others:
        return people.with_columns(segment_id=pl.lit(int(first), dtype=pl.Int64))
    found = pl.lit(None, dtype=pl.Int64)
    for segment_id in reversed(campaign.include):
        ids = audience.in_segment(trees[segment_id])
        found = pl.when(pl.col("contact_id").is_in(ids.implode())).then(int(segment_id)).otherwise(found)
    return people.with_columns(segment_id=found)


def _refuse_empty_fields(
    audience: Audience, people: pl.DataFrame, variants: list[Variant], compiled: dict[str, Compiled]
) -> None:
    for variant in variants:
        message = compiled[variant.name]
        names = sorted(n for n in message.needed_fields if not message.defaults.get(n))
        # Who is held for the winner may get any of them.
        mine = people.filter((pl.col("variant_id") == variant.id) | (pl.col("state") == "held"))
        faults = audience.empty_fields(mine, names) if names and mine.height else {}
        if faults:
            named = ", ".join(f"{{{{ {n} }}}} is empty for {count:,}" for n, count in faults.items())
            raise BadInput(
                f"variant {variant.name!r}: {named} of {mine.height:,} people; give it a default,"
                f" as in {{{{ {next(iter(faults))} | default: '…' }}}}",
                code="missing_field",
                field=next(iter(faults)),
            )


def _asked(variants: list[Variant], known: dict[str, object]) -> dict[str, object]:
    """The segments that the content asks for, each with its tree.

    Raises: BadInput where there is none of that name.
    """
    sources = [(v.source.body, v.source.subject, v.source.preheader, v.source.text or "") for v in variants]
    names = segments_named(*(text for texts in sources for text in texts))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadInput(
            f"a block is shown to the segment {unknown[0]!r}, and there is none of that name; choose another",
            code="no_segment", field="segments",
        )  # fmt: skip
    return {name: known[name] for name in names}


def _note_segments(store: Store, campaign: Campaign, seen: dict[str, pl.Series]) -> None:
    """Before any row is there: what a recipient sees is settled when the first of them can be claimed."""
    for name, ids in seen.items():
        for at in range(0, len(ids), FIRST_CHUNK):
            with store.write() as conn:
                seen_segments.note(
                    conn, campaign.account_id, campaign.id, name, ids.slice(at, FIRST_CHUNK).to_list()
                )  # fmt: skip


_INSERT = """
insert into deliveries (campaign_id, contact_id, account_id, variant_id, provider, state, reason, due_at)
values ({p}, {p}, {p}, {p}, {p}, {p}, {p}, {p}) on conflict do nothing
"""


def _write_rows(store: Store, campaign: Campaign, people: pl.DataFrame, now: datetime, progress: Progress) -> None:
    done, size = 0, FIRST_CHUNK
    while done < people.height:
        chunk = people.slice(done, size)
        started = time.monotonic()
        with store.write() as conn:
            _write_chunk(conn, campaign, chunk, now)
        took = time.monotonic() - started
        done += chunk.height
        progress(done, people.height)
        size = max(200, min(50_000, int(size * CHUNK_SECONDS / max(took, 0.001))))


def _write_chunk(conn: sa.Connection, campaign: Campaign, chunk: pl.DataFrame, now: datetime) -> None:
    planning = conn.exec_driver_sql(
        _sql(conn, "select 1 from campaigns where id = {p} and state = 'planning'"), (campaign.id,)
    ).first()
    if planning is None:
        raise Refused(f"campaign {campaign.name!r} was planned or cancelled by somebody else meanwhile")
    wanted = chunk.select("contact_id", "segment_id", "variant_id", "provider", "state", "reason", "due")
    rows = list(wanted.iter_rows())
    conn.exec_driver_sql(
        _sql(conn, _INSERT),
        [(campaign.id, contact, campaign.account_id, *rest) for contact, _, *rest in rows],
    )
    for state, kind in ((None, EventType.PLANNED), ("skipped", EventType.SKIPPED)):
        outbox.record(
            conn,
            (
                Event(
                    id=event_id(kind.value, campaign.id, contact),
                    type=kind,
                    account_id=campaign.account_id,
                    campaign_id=campaign.id,
                    variant_id=variant or None,
                    contact_id=contact,
                    channel=campaign.channel,
                    provider=provider,
                    occurred_at=now,
                    recorded_at=now,
                    reason=reason if state else None,
                    segment_id=None if state else segment,
                )
                for contact, segment, variant, provider, held_in, reason, _ in rows
                if state is None or held_in == state
            ),
        )


def _sql(conn: sa.Connection, text: str) -> str:
    return text.replace("{p}", "?" if conn.dialect.name == "sqlite" else "%s")
