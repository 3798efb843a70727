"""Approval by a second person: asked for when a campaign is made ready, given or refused, taken back by any change."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sillage.content.merge import segments_named
from sillage.domain.approval import ApprovalState, fault_of_decider, fingerprint
from sillage.domain.campaign import CampaignState as S
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import as_json, nested_names
from sillage.errors import BadInput, Refused
from sillage.store import ab_tests, accounts, approvals, campaigns, segments, users
from sillage.store.approvals import Approval
from sillage.store.campaigns import Campaign

CHANGED = "its content, audience or time was changed after it was approved"


def fingerprint_of(conn: sa.Connection, account_id: AccountId, campaign: Campaign) -> str:
    """Of all that a second person agrees to: content, senders, audience with the segments' own rules, time, test."""
    variants = campaigns.variants_of(conn, account_id, campaign.id)
    used = {v.sender_id or campaign.sender_id for v in variants}
    test = ab_tests.of_campaign(conn, account_id, campaign.id)
    facts: dict[str, Any] = {
        "kind": campaign.kind.value, "include": campaign.include, "exclude": campaign.exclude,
        "send_at": campaign.send_at.isoformat() if campaign.send_at else None, "local": campaign.is_local_time,
        "spread": campaign.spread_s, "per_hour": campaign.per_hour,
        "senders": [asdict(campaigns.sender(conn, account_id, number)) for number in sorted(used)],
        "variants": [
            [v.name, v.share, v.segment_id, v.offset_s, v.source.kind.value, v.source.subject, v.source.preheader,
             v.source.body, v.source.text, v.source.defaults,
             [[f.name, f.type, f.cid, hashlib.sha256(f.content).hexdigest()] for f in v.source.files]]
            for v in variants
        ],
        "test": asdict(test.test) if test is not None else None,
    }  # fmt: skip
    texts = [(v.source.body, v.source.subject, v.source.preheader, v.source.text or "") for v in variants]
    asked_by_content = set(segments_named(*(text for four in texts for text in four)))
    asked = {*campaign.include, *campaign.exclude, *(v.segment_id for v in variants if v.segment_id is not None)}
    known = segments.listed(conn, account_id)
    wanted = [s.name for s in known if s.id in asked or s.name in asked_by_content]
    trees = {s.name: s.tree for s in known}
    seen: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in seen and name in trees:
            seen[name] = as_json(trees[name])
            wanted += nested_names(trees[name])
    return fingerprint({**facts, "segments": seen})


def ask(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, by: int | None, now: datetime) -> None:
    """Ask the other members of the account to look at a campaign as it is now."""
    campaign = campaigns.get(conn, account_id, campaign_id)
    approvals.ask(conn, account_id, campaign_id, by=by, fingerprint=fingerprint_of(conn, account_id, campaign), now=now)


def approve(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, by: int, now: datetime, words: str = "",
    seen: str | None = None,
) -> Campaign:  # fmt: skip
    """Let a campaign leave at its time. `seen` is the fingerprint of what was looked at.

    Raises: Refused where it does not wait, by its author, or where it is another one than what was looked at; NotFound.
    """
    campaign, asked = _waiting(conn, account_id, campaign_id, by)
    found = fingerprint_of(conn, account_id, campaign)
    if found != (seen or asked.fingerprint):
        raise Refused(f"campaign {campaign.name!r} was changed meanwhile: look at it again, as it is now")
    if asked.fingerprint != found:
        approvals.ask(conn, account_id, campaign_id, by=asked.asked_by, fingerprint=found, now=now)
        campaign, asked = _waiting(conn, account_id, campaign_id, by)
    _decide(conn, account_id, campaign, asked, ApprovalState.APPROVED, by=by, words=words, now=now)
    campaigns.move(conn, account_id, campaign_id, to=S.SCHEDULED, only_from=(S.APPROVAL,))
    return campaign


def refuse(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, by: int, now: datetime, words: str
) -> Campaign:
    """Send a campaign back to its author, with words: it is a draft again.

    Raises: BadInput without words; Refused where it does not wait, or by its author; NotFound.
    """
    if not words.strip():
        raise BadInput("say why: whoever made it can't mend what nobody names", code="no_words", field="words")
    campaign, asked = _waiting(conn, account_id, campaign_id, by)
    _decide(conn, account_id, campaign, asked, ApprovalState.REFUSED, by=by, words=words, now=now)
    campaigns.move(conn, account_id, campaign_id, to=S.DRAFT, only_from=(S.APPROVAL,))
    return campaign


def take_back_if_changed(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, now: datetime
) -> str | None:
    """Why a scheduled campaign may not be planned, where its account wants approval and it has none for what it is now:
    it then waits for approval again. None where nothing stands in its way.
    """
    campaign = campaigns.get(conn, account_id, campaign_id)
    if campaign.state is not S.SCHEDULED or not accounts.by_id(conn, account_id).needs_approval:
        return None
    held = approvals.latest(conn, account_id, campaign_id)
    found = fingerprint_of(conn, account_id, campaign)
    if held is not None and held.state is ApprovalState.APPROVED and held.fingerprint == found:
        return None
    why = CHANGED if held is not None and held.state is ApprovalState.APPROVED else "nobody has approved it"
    approvals.take_back(conn, account_id, campaign_id, words=why, now=now)
    asked_by = held.asked_by if held is not None else None
    approvals.ask(conn, account_id, campaign_id, by=asked_by, fingerprint=found, now=now)
    campaigns.move(conn, account_id, campaign_id, to=S.APPROVAL, only_from=(S.SCHEDULED,))
    return f"campaign {campaign.name!r} waits for approval: {why}"


def may_decide(conn: sa.Connection, account_id: AccountId, campaign: Campaign, by: int) -> str | None:
    """Why somebody may not decide on a campaign; None where they may."""
    asked = approvals.latest(conn, account_id, campaign.id)
    members = {m.user_id for m in users.members_of(conn, account_id)}
    authors = {campaign.created_by, asked.asked_by if asked is not None else None}
    return fault_of_decider(by, authors=authors, members=members)


def _waiting(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, by: int) -> tuple[Campaign, Approval]:
    campaign = campaigns.get(conn, account_id, campaign_id)
    asked = approvals.latest(conn, account_id, campaign_id)
    if campaign.state is not S.APPROVAL or asked is None or asked.state is not ApprovalState.ASKED:
        raise Refused(f"campaign {campaign.name!r} is {campaign.state}: it does not wait for approval")
    if (why := may_decide(conn, account_id, campaign, by)) is not None:
        raise Refused(why)
    return campaign, asked


def _decide(
    conn: sa.Connection, account_id: AccountId, campaign: Campaign, asked: Approval, state: ApprovalState, *, by: int,
    words: str, now: datetime,
) -> None:  # fmt: skip
    if not approvals.decide(conn, account_id, asked, state=state, by=by, words=words, now=now):
        raise Refused(f"somebody else decided on campaign {campaign.name!r} first")
