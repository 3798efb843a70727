"""The last look at a claimed row, and its message: what happens to each recipient before the first byte leaves."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from sendworker import outcome as outcomes
from sendworker.mailroom import Job, Mailroom
from sendworker.session import Letter
from sillage.content.segments import Person
from sillage.domain.campaign import Pixel
from sillage.domain.eligibility import pixel_for, why_not
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store.columns import to_micros
from sillage.store.deliveries import Outcome
from sillage.store.merge_fields import merged
from sillage.store.seen_segments import FIELD as SEGMENTS
from sillage.tokens import NOBODY, Recipient, TokenKey

log = structlog.get_logger()


class Filler:
    """Makes letters of claimed rows; settles those that may not or can't leave."""

    def __init__(self, settings: Settings, mailroom: Mailroom, settle: Callable[[Outcome], None]) -> None:
        self._clock = settings.clock
        self._bounce_domain = settings.bounce_domain
        self._mailroom = mailroom
        self._settle = settle
        self._key = TokenKey(settings.secret.get_secret_value())
        self._anonymous: dict[int, str] = {}

    def fill(self, job: Job) -> Letter | None:
        """The letter with its return path; None where the row is settled without leaving."""
        row, now = job.claimed, self._clock.now()
        reason = why_not(
            job.campaign.kind,
            has_address=row.email is not None,
            suppressed=row.suppressed,
            marketing=row.marketing,
            basis=row.marketing_basis,
            lapses_at=row.lapses_at,
            now=to_micros(now),
            allowed_bases=job.account.allowed_bases,
        )
        if reason is not None:
            self._settle(outcomes.suppressed(job, reason, now=now))
            return None
        pixel = self.pixel(job)
        url_token, mailbox_token = self._key.sign_both(row.campaign_id, row.variant_id, row.contact_id)
        fields = merged(row.email, row.fields, row.custom)
        if row.segments:
            fields[SEGMENTS] = list(row.segments)
        person = Person(
            row.email or "",
            fields,
            url_token,
            mailbox_token,
            self._anonymous_token(job),
            pixel,
            now,
        )
        try:
            message = self._mailroom.compiled(row.variant_id).fill(person)
        except BadInput as exc:
            log.warning("delivery.not_rendered", campaign_id=row.campaign_id, contact_id=row.contact_id, why=str(exc))
            self._settle(outcomes.failed(job, exc.code, now=now))
            return None
        except Exception:
            # It is this message's fault: raised, it would stop all the others, and come back with its row.
            log.exception("delivery.not_made", campaign_id=row.campaign_id, contact_id=row.contact_id)
            self._settle(outcomes.failed(job, "not_made", now=now))
            return None
        return Letter(f"b-{mailbox_token}@{self._bounce_domain}", row.email or "", message, (job, pixel))

    @staticmethod
    def pixel(job: Job) -> Pixel:
        """How the hole of the pixel is filled for this person."""
        return pixel_for(job.account.tracking_policy, job.account.untracked_pixel, job.claimed.open_tracking)

    def _anonymous_token(self, job: Job) -> str:
        variant = job.claimed.variant_id
        if variant not in self._anonymous:
            self._anonymous[variant] = self._key.sign(Recipient(job.claimed.campaign_id, variant, NOBODY))
        return self._anonymous[variant]
