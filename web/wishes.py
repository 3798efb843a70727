"""What people ask for on a page or by one click: done in ops at once, or kept until ops is there again.

Somebody who says stop has said it: an answer of 200 means that the wish is durable, wherever it lies.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from enum import StrEnum

import msgspec
import sqlalchemy as sa
import structlog

from sillage.domain.ids import CampaignId, ContactId, VariantId
from sillage.errors import TransientError
from sillage.store import signals
from sillage.store.database import Store
from sillage.tokens import Recipient
from web.journal import Journal

PATIENCE_S = 2.0
RETRY_S = 1.0
_DOWN = (TransientError, sa.exc.SQLAlchemyError, OSError, TimeoutError)

log = structlog.get_logger()


class WishKind(StrEnum):
    """What a person may ask for."""

    UNSUBSCRIBE = "unsubscribe"
    WITHDRAW_TRACKING = "withdraw_tracking"


class Wish(msgspec.Struct, frozen=True):
    """One wish, as it lies in the journal."""

    kind: WishKind
    campaign_id: int
    variant_id: int
    contact_id: int
    is_test: bool
    via: str
    occurred_at: datetime


class Wishes:
    """Carries wishes out."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="wishes")

    async def grant(self, kind: WishKind, recipient: Recipient, *, via: str, occurred_at: datetime) -> None:
        """Do what a person asked, now or as soon as ops answers; it is durable when this returns.

        Raises: TransientError where neither ops nor the journal takes it.
        """
        wish = Wish(
            kind,
            recipient.campaign_id,
            recipient.variant_id,
            recipient.contact_id,
            recipient.is_test,
            via,
            occurred_at,
        )
        try:
            await self._do(wish)
        except _DOWN as exc:
            await self._journal.keep(msgspec.json.encode(wish))
            log.warning("wish.kept", kind=kind, contact_id=wish.contact_id, error=str(exc))

    async def retry(self) -> int:
        """Carry out the wishes that were kept; how many are done."""
        done = 0
        for seq, body in await self._journal.kept():
            wish = msgspec.json.decode(body, type=Wish)
            try:
                await self._do(wish)
            except sa.exc.IntegrityError:
                # Ops answers and refuses this one: the others must not wait behind it.
                log.exception("wish.refused", kind=wish.kind, contact_id=wish.contact_id)
                continue
            except _DOWN:
                break
            await self._journal.forget(seq)
            done += 1
            log.info("wish.done", kind=wish.kind, contact_id=wish.contact_id)
        return done

    async def keep_trying(self) -> None:
        """Retry every second, for ever."""
        while True:
            await self.retry()
            await asyncio.sleep(RETRY_S)

    async def _do(self, wish: Wish) -> None:
        doing = asyncio.get_running_loop().run_in_executor(self._threads, self._in_ops, wish)
        # One that comes too late may still succeed, or fail with nobody there to hear: both are fine, it is repeated.
        doing.add_done_callback(lambda late: late.cancelled() or late.exception())
        await asyncio.wait_for(asyncio.shield(doing), PATIENCE_S)

    def _in_ops(self, wish: Wish) -> None:
        recipient = Recipient(
            CampaignId(wish.campaign_id), VariantId(wish.variant_id), ContactId(wish.contact_id), wish.is_test
        )
        act = signals.unsubscribe if wish.kind is WishKind.UNSUBSCRIBE else signals.withdraw_tracking
        with self._store.write() as conn:
            account_id = signals.account_of(conn, recipient)
            if account_id is not None:
                act(conn, account_id, recipient, via=wish.via, occurred_at=wish.occurred_at)

    def close(self) -> None:
        """Wait for nothing: what is not done is durable or was never promised."""
        self._threads.shutdown(wait=False, cancel_futures=True)
