"""Who asked for a campaign's approval, who gave or refused it, when, and of exactly what. No row ever goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.approval import ApprovalState
from sillage.domain.ids import AccountId, CampaignId
from sillage.store.tables import approvals, users

MAX_WORDS = 2_000


@dataclass(frozen=True, slots=True)
class Approval:
    """One request, and what became of it."""

    id: int
    campaign_id: CampaignId
    state: ApprovalState
    fingerprint: str
    """Of the content, the audience and the time that it is about."""
    asked_by: int | None
    asked_by_name: str
    asked_at: datetime
    decided_by: int | None
    decided_by_name: str
    decided_at: datetime | None
    words: str


def ask(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, by: int | None, fingerprint: str,
    now: datetime,
) -> None:  # fmt: skip
    """Ask for approval; what was asked or given before holds no more."""
    take_back(conn, account_id, campaign_id, words="", now=now)
    conn.execute(
        approvals.insert().values(
            account_id=account_id, campaign_id=campaign_id, state=ApprovalState.ASKED, fingerprint=fingerprint,
            asked_by=by, asked_at=now,
        )
    )  # fmt: skip


def decide(
    conn: sa.Connection, account_id: AccountId, approval: Approval, *, state: ApprovalState, by: int, words: str,
    now: datetime,
) -> bool:  # fmt: skip
    """Approve or refuse; whether it was this call that did: of two at once, one does."""
    a = approvals.c
    done = conn.execute(
        approvals.update()
        .where(a.account_id == account_id, a.id == approval.id, a.state == ApprovalState.ASKED)
        .values(state=state, decided_by=by, decided_at=now, words=words.strip()[:MAX_WORDS])
    )
    return done.rowcount == 1


def take_back(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, words: str, now: datetime
) -> None:
    """What was asked or given holds no more, since something else would leave."""
    a = approvals.c
    standing = a.state.in_((ApprovalState.ASKED, ApprovalState.APPROVED))
    where = (a.account_id == account_id, a.campaign_id == campaign_id, standing)
    conn.execute(approvals.update().where(*where).values(state=ApprovalState.TAKEN_BACK, words=words, decided_at=now))


def latest(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> Approval | None:
    """The last request for a campaign."""
    found = history(conn, account_id, campaign_id)
    return found[0] if found else None


def history(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> list[Approval]:
    """All requests for a campaign, the last one first."""
    return _found(conn, approvals.c.account_id == account_id, approvals.c.campaign_id == campaign_id)


def of_account(conn: sa.Connection, account_id: AccountId, *, limit: int = 200) -> list[Approval]:
    """The last requests of an account, the last one first."""
    return _found(conn, approvals.c.account_id == account_id, limit=limit)


def _found(conn: sa.Connection, *where: sa.ColumnElement[bool], limit: int = 200) -> list[Approval]:
    asker, decider = users.alias("asker"), users.alias("decider")
    a = approvals.c
    query = (
        sa.select(
            a.id, a.campaign_id, a.state, a.fingerprint, a.asked_by, a.asked_at, a.decided_by, a.decided_at, a.words,
            asker.c.name.label("asked_by_name"), decider.c.name.label("decided_by_name"),
        )
        .select_from(
            approvals.outerjoin(asker, asker.c.id == a.asked_by).outerjoin(decider, decider.c.id == a.decided_by)
        )
        .where(*where)
        .order_by(a.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [
        Approval(
            **{
                **row, "state": ApprovalState(row["state"]), "campaign_id": CampaignId(row["campaign_id"]),
                "asked_by_name": row["asked_by_name"] or "", "decided_by_name": row["decided_by_name"] or "",
            }
        )
        for row in conn.execute(query).mappings()
    ]  # fmt: skip
