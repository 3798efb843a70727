"""The same once more, to those whom it reached and who did not react: with a new subject, exact to the last event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from sillage.campaign.audience import Audience
from sillage.campaign.copying import duplicate, free_name, numbered, spec_of
from sillage.campaign.form import to_draft
from sillage.domain.campaign import CampaignState as S
from sillage.domain.campaign import MessageKind
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import as_json, parse_tree
from sillage.errors import BadInput, Refused
from sillage.i18n import catalogue
from sillage.settings import Settings
from sillage.store import ab_tests, campaigns, segments
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign
from sillage.store.drafts import DraftMail

MAX_SEGMENT_NAME = 200
OVER = (S.WAITING, S.CLOSED, S.CANCELLED)
"""States in which a campaign has sent what it had, but for retries."""


class To(StrEnum):
    """To whom it goes again."""

    NON_CLICKERS = "non_clickers"
    NON_OPENERS = "non_openers"


@dataclass(frozen=True, slots=True)
class Again:
    """How many, as of now: whom the campaign reached, of how many of them opens may be measured, who did nothing, how
    many of those may be mailed, and why the others may not.
    """

    reached: int
    measurable: int
    silent: int
    mailable: int
    left_out: Mapping[str, int]


def tree_of(campaign_id: CampaignId, to: To) -> dict[str, Any]:
    """Who they are, as a segment's tree: of the silent ones only those it reached, and of whose opens may be told."""
    did = {"kind": "engaged", "campaign": int(campaign_id)}
    if to is To.NON_OPENERS:
        return {**did, "did": "not_opened"}
    return {"kind": "and", "parts": [{**did, "did": "reached"}, {**did, "did": "not_clicked"}]}


def counted(audience: Audience, campaign: Campaign, exclude: list[Any], to: To, *, now: datetime) -> Again:
    """Count them; `exclude` are the trees of segments that the campaign did not go to."""
    did = {"kind": "engaged", "campaign": int(campaign.id)}
    measured = {"kind": "or", "parts": [{**did, "did": "opened"}, {**did, "did": "not_opened"}]}
    tree = parse_tree(tree_of(campaign.id, to))
    members = audience.members([tree], exclude, kind=campaign.kind, now=now)
    left_out = {str(k): int(n) for k, n in members.drop_nulls("left_out").group_by("left_out").len().iter_rows()}
    return Again(
        reached=audience.count(parse_tree({**did, "did": "reached"}), now=now),
        measurable=audience.count(parse_tree(measured), now=now),
        silent=audience.count(tree, now=now),
        mailable=members.height - sum(left_out.values()),
        left_out=left_out,
    )


def draft_again(
    conn: sa.Connection, settings: Settings, account: Account, campaign_id: CampaignId, to: To, *, subject: str,
    by: int | None, now: datetime,
) -> DraftMail:  # fmt: skip
    """A draft to those who did not react, with another subject. Its audience is a saved segment, made where there is
    none: who reacts until it leaves is not in it any more.

    Raises: Refused where the campaign still sends, or the form can't hold it; BadInput without a new subject; NotFound.
    """
    campaign, name, changes = _changed(conn, account, campaign_id, to, subject=subject, now=now)
    return to_draft(
        conn, settings, account, campaign.id, name=free_name(conn, account.id, name), by=by, now=now, changes=changes
    )


def campaign_again(
    conn: sa.Connection, settings: Settings, account: Account, campaign_id: CampaignId, to: To, *, subject: str,
    name: str | None, by: int | None, now: datetime,
) -> CampaignId:  # fmt: skip
    """The same as a campaign that is a draft; raises what `draft_again` does."""
    campaign, said, changes = _changed(conn, account, campaign_id, to, subject=subject, now=now)
    called = name or free_name(conn, account.id, said)
    return duplicate(conn, settings, account, campaign.id, name=called, by=by, now=now, changes=changes)


def _changed(
    conn: sa.Connection, account: Account, campaign_id: CampaignId, to: To, *, subject: str, now: datetime
) -> tuple[Campaign, str, dict[str, Any]]:
    campaign = campaigns.get(conn, account.id, campaign_id)
    if campaign.started_at is None or campaign.state not in OVER:
        raise Refused(f"campaign {campaign.name!r} is {campaign.state}: who did not react is known once it is over")
    spec = spec_of(conn, account.id, campaign)
    version = dict(spec["variants"][_best(conn, account.id, campaign_id)])
    if not subject.strip() or subject.strip() == version["subject"].strip():
        raise BadInput("give it another subject: the old one has not worked", code="same_subject", field="subject")
    version |= {"name": "A", "share": None, "segment": None, "after_hours": 0, "subject": subject.strip()}
    _ = catalogue(account.locale).gettext
    said = _("%(name)s, once more") % {"name": campaign.name}
    changes = {"include": [_segment(conn, account, campaign, to, now=now)], "variants": [version], "test": None}
    return campaign, said, changes


def _best(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> int:
    """The place of the version that won, where there was a test; else the first."""
    test = ab_tests.of_campaign(conn, account_id, campaign_id)
    winner = test.decision.winner if test is not None and test.decision is not None else None
    for place, variant in enumerate(campaigns.variants_of(conn, account_id, campaign_id)):
        if variant.id == winner:
            return place
    return 0


def _segment(conn: sa.Connection, account: Account, campaign: Campaign, to: To, *, now: datetime) -> str:
    """The saved segment of them, by its name; one that is there already is taken."""
    _ = catalogue(account.locale).gettext
    said = {To.NON_CLICKERS: _("Did not click: %(name)s"), To.NON_OPENERS: _("Did not open: %(name)s")}[to]
    wanted, tree = said % {"name": campaign.name}, parse_tree(tree_of(campaign.id, to))
    known = {s.name: as_json(s.tree) for s in segments.listed(conn, account.id)}
    for name, held in known.items():
        if held == as_json(tree):
            return name
    name = numbered(wanted, known, longest=MAX_SEGMENT_NAME)
    segments.save(conn, account.id, name, tree, now=now)
    return name


def is_for(campaign: Campaign) -> bool:
    """Whether a campaign may be sent again to those who did not react."""
    return campaign.started_at is not None and campaign.state in OVER and campaign.kind is MessageKind.MARKETING
