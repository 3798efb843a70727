"""Why a person may be mailed, or why not: every reason, and the lines of the ledger that they rest upon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.campaign import MessageKind
from sillage.domain.consent import RENEWED, Basis, Channel, ConsentAct, ConsentState, Purpose, current
from sillage.domain.eligibility import Standing, reasons_against
from sillage.domain.ids import AccountId, ContactId
from sillage.store import accounts, contacts, suppressions
from sillage.store.columns import to_micros
from sillage.store.tables import consent_acts, consent_origins, consents, imports
from sillage.store.tables import contacts as contacts_table


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One act, with where it comes from. `decides`: it is what holds now for its purpose."""

    purpose: Purpose
    state: str
    """granted, withdrawn or renewed."""
    basis: Basis
    occurred_at: datetime
    recorded_at: datetime
    source: str
    file_name: str | None
    wording: str
    wording_version: str
    declared_by: str | None
    proof: str
    is_return: bool
    decides: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """What may be sent to a contact on one channel, and why."""

    contact_id: ContactId
    reasons: list[str]
    """Why no marketing may leave, the first being the one that a campaign shows; empty where it may."""
    service_reasons: list[str]
    """The same for messages that need no consent."""
    basis: Basis | None
    agreed_at: datetime | None
    lapses_at: datetime | None
    suppressed: str | None
    open_tracking: str | None
    click_tracking: str | None
    ledger: list[LedgerLine]
    """The newest act first."""

    @property
    def is_mailable(self) -> bool:
        """Whether marketing may leave for them now."""
        return not self.reasons


def explain(
    conn: sa.Connection, account_id: AccountId, contact_id: ContactId, channel: Channel, now: datetime
) -> Explanation:
    """All that decides whether a contact gets marketing.

    Raises: NotFound.
    """
    contact = contacts.get(conn, account_id, contact_id)
    address = contact.email if channel is Channel.EMAIL else contact.phone
    hashes = conn.execute(
        sa.select(contacts_table.c.email_hash, contacts_table.c.phone_hash).where(
            contacts_table.c.account_id == account_id, contacts_table.c.id == contact_id
        )
    ).one()
    domain = address.rpartition("@")[2] if address and channel is Channel.EMAIL else None
    held = hashes.email_hash if channel is Channel.EMAIL else hashes.phone_hash
    stopped = suppressions.reason_of(conn, account_id, channel=channel, address_hash=held, domain=domain)
    row = conn.execute(
        sa.select(consents).where(
            consents.c.account_id == account_id, consents.c.contact_id == contact_id, consents.c.channel == channel
        )
    ).first()
    standing = Standing(
        has_address=address is not None,
        suppressed=stopped,
        marketing=row.marketing if row else None,
        basis=row.marketing_basis if row else None,
        lapses_at=to_micros(row.lapses_at) if row and row.lapses_at else None,
    )
    bases = accounts.by_id(conn, account_id).allowed_bases

    def reasons(kind: MessageKind) -> list[str]:
        return reasons_against(kind, standing, now=to_micros(now), allowed_bases=bases)

    return Explanation(
        contact_id=contact_id,
        reasons=reasons(MessageKind.MARKETING),
        service_reasons=reasons(MessageKind.SERVICE),
        basis=Basis(row.marketing_basis) if row and row.marketing_basis else None,
        agreed_at=row.marketing_at if row and row.marketing == ConsentState.GRANTED else None,
        lapses_at=row.lapses_at if row else None,
        suppressed=stopped,
        open_tracking=row.open_tracking if row else None,
        click_tracking=row.click_tracking if row else None,
        ledger=ledger_of(conn, account_id, contact_id, channel),
    )


def ledger_of(conn: sa.Connection, account_id: AccountId, contact_id: ContactId, channel: Channel) -> list[LedgerLine]:
    """The ledger of a contact on one channel, the newest act first."""
    a, o = consent_acts.c, consent_origins.c
    rows = conn.execute(
        sa.select(
            a.purpose, a.state, a.basis, a.occurred_at, a.recorded_at, a.proof, a.is_return, o.source, o.wording,
            o.wording_version, o.declared_by, imports.c.file_name,
        )
        .select_from(
            consent_acts.outerjoin(
                consent_origins, sa.and_(o.id == a.origin_id, o.account_id == a.account_id)
            ).outerjoin(imports, sa.and_(imports.c.id == o.import_id, imports.c.account_id == a.account_id))
        )
        .where(a.account_id == account_id, a.contact_id == contact_id, a.channel == channel)
        .order_by(a.occurred_at.desc(), a.id.desc())
    ).all()  # fmt: skip
    acts = [
        ConsentAct(
            channel, Purpose(r.purpose), ConsentState(r.state), r.occurred_at, Basis(r.basis), r.proof, r.is_return
        )
        for r in rows
        if r.state != RENEWED
    ]
    holding = {(act.purpose, act.state.value, act.occurred_at, act.proof) for act in current(acts).values()}
    return [
        LedgerLine(
            purpose=Purpose(r.purpose),
            state=r.state,
            basis=Basis(r.basis),
            occurred_at=r.occurred_at,
            recorded_at=r.recorded_at,
            source=r.source or "",
            file_name=r.file_name,
            wording=r.wording or "",
            wording_version=r.wording_version or "",
            declared_by=r.declared_by,
            proof=r.proof,
            is_return=bool(r.is_return),
            decides=(r.purpose, r.state, r.occurred_at, r.proof) in holding,
        )
        for r in rows
    ]
