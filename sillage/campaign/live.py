"""One installation sends, and no copy of it: a restored or cloned ops waits until it is told that it is the live one.

A copy is known by where it lives; a restored ops also by a lake that is ahead of it. Telling it (`adopt`) settles what
the lake saw leave, lets those stand who said no meanwhile, and begins a new epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from sillage.domain.consent import Purpose
from sillage.domain.delivery import DeliveryState
from sillage.domain.ids import AccountId, CampaignId, ContactId
from sillage.errors import NotFound
from sillage.lake import catalog
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import identity, reconcile
from sillage.store.database import Store
from sillage.store.migrate import epoch
from sillage.store.reconcile import HandedOver

log = structlog.get_logger()

CHUNK = 2_000
_STATES = {
    "accepted": DeliveryState.ACCEPTED, "bounced": DeliveryState.BOUNCED, "failed": DeliveryState.FAILED,
    "suppressed": DeliveryState.SUPPRESSED, "skipped": DeliveryState.SKIPPED, "in_doubt": DeliveryState.IN_DOUBT,
}  # fmt: skip
# The last hand-over of each recipient; a doubt gives way to whatever is known, and a bounce by mail is none.
_HAND_OVERS = """
select account_id, campaign_id, contact_id, arg_max(type, place) as type, max(attempt) as attempt,
       arg_max(reason, place) as reason
from (
    select *, case type when 'in_doubt' then 0 when 'accepted' then 2 else 1 end * 1e18 + lake_seq as place
    from lake.main.events
    where campaign_id is not null and contact_id is not null and not is_test
      and type in ('accepted', 'bounced', 'failed', 'suppressed', 'skipped', 'in_doubt')
      and coalesce(via, 'session') <> 'mail'
)
group by all
"""
_REFUSALS = """
select account_id, contact_id, campaign_id, type, purpose, bounce_class, occurred_at
from lake.main.events
where stream = ? and stream_seq > ? and contact_id is not null and not is_test
  and (type in ('unsubscribed', 'withdrew', 'complained') or (type = 'bounced' and bounce_class in ('npai', 'hard')))
order by lake_seq
"""
_NUMBERS = """
select max(campaign_id) as campaigns, max(variant_id) as variants, max(contact_id) as contacts from lake.main.events
"""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was brought over from the lake."""

    epoch: str
    settled: int
    """Deliveries that had left, or been refused, after the backup was made."""
    refusals: int
    """People who had said no, complained, or whose address had gone since."""


def why_not(store: Store, settings: Settings) -> str | None:
    """Why this installation may not send, in words that say what to do; None where it may.

    A new one settles here. Raises: TransientError where ops or lake don't answer.
    """
    with store.read() as conn:
        known, home = identity.known_home(conn), identity.home_of(store, conn)
        stream, last = epoch(conn), identity.last_event(conn)
    if known is not None and known != home:
        return (
            "this ops is a copy, or was moved or restored: it was the live one elsewhere. Make sure that no other"
            " sends, then run `sillage ops adopt`"
        )
    ahead = _ahead(settings, stream, last)
    if ahead:
        return (
            f"the lake holds {ahead:,} events that this ops does not know of: it was restored from a backup. Run"
            " `sillage ops adopt` to bring it up to them, or nobody knows who has got what"
        )
    if known is None:
        with store.write() as conn:
            identity.settle(conn, home)
    return None


def adopt(store: Store, settings: Settings) -> Adopted:
    """This is the live one from now on: reconcile it with the lake, and begin a new epoch.

    Raises: TransientError where ops or lake don't answer; what was reconciled until then stays, and it goes on there.
    """
    with store.read() as conn:
        stream, last, home = epoch(conn), identity.last_event(conn), identity.home_of(store, conn)
    settled = refusals = 0
    if catalog.exists(settings.lake_dir):
        reader = Reader(settings)
        try:
            settled = _in_chunks(store, _ask(reader, _HAND_OVERS), _settle)
            refusals = _in_chunks(store, _ask(reader, _REFUSALS, stream, last), _refuse)
            numbers = _ask(reader, _NUMBERS)
        finally:
            reader.close()
        with store.write() as conn:
            for table, number in (numbers[0] if numbers else {}).items():
                if number is not None:
                    identity.number_from(conn, table, int(number))
    with store.write() as conn:
        name = identity.new_epoch(conn)
        identity.settle(conn, home)
    log.info("ops.adopted", epoch=name, settled=settled, refusals=refusals)
    return Adopted(name, settled, refusals)


def _ahead(settings: Settings, stream: str, last: int) -> int:
    """Events of this ops in the lake that it has not written itself."""
    if not catalog.exists(settings.lake_dir):
        return 0
    reader = Reader(settings)
    try:
        query = "select count(*) as found from lake.main.events where stream = ? and stream_seq > ?"
        rows = _ask(reader, query, stream, last)
    finally:
        reader.close()
    return int(rows[0]["found"]) if rows else 0


def _ask(reader: Reader, sql: str, *params: object) -> list[dict[str, Any]]:
    try:
        return reader.query(sql, list(params))
    except NotFound:
        return []


def _in_chunks(
    store: Store, rows: Sequence[dict[str, Any]], apply: Callable[[Any, Sequence[dict[str, Any]]], int]
) -> int:
    done = 0
    for start in range(0, len(rows), CHUNK):
        with store.write() as conn:
            done += apply(conn, rows[start : start + CHUNK])
    return done


def _settle(conn: Any, rows: Sequence[dict[str, Any]]) -> int:
    return reconcile.apply(
        conn,
        [
            HandedOver(
                AccountId(r["account_id"]), CampaignId(r["campaign_id"]), ContactId(r["contact_id"]),
                _STATES[r["type"]], r["attempt"] or 0, r["reason"],
            )
            for r in rows
        ],
    )  # fmt: skip


def _refuse(conn: Any, rows: Sequence[dict[str, Any]]) -> int:
    done = 0
    for row in rows:
        account, contact, at = AccountId(row["account_id"]), ContactId(row["contact_id"]), row["occurred_at"]
        if row["type"] == "bounced":
            reason = "npai" if row["bounce_class"] == "npai" else "hard_bounce"
            done += reconcile.suppress(conn, account, contact, reason=reason, occurred_at=at)
            continue
        purposes = [Purpose(row["purpose"])] if row["type"] == "withdrew" and row["purpose"] else [Purpose.MARKETING]
        proof = f"campaign {row['campaign_id']}"
        done += reconcile.withdraw(conn, account, contact, purposes, occurred_at=at, proof=proof)
        if row["type"] == "complained":
            reconcile.suppress(conn, account, contact, reason="complaint", occurred_at=at)
    return done
