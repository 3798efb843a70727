"""A campaign as plain data again, in the shape of campaign.toml: to make another one of it, the same or changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sillage.campaign.create import create_campaign, parse_spec
from sillage.domain.ab_test import AbTest
from sillage.domain.campaign import SourceKind
from sillage.domain.ids import AccountId, CampaignId
from sillage.i18n import catalogue
from sillage.settings import Settings
from sillage.store import ab_tests, campaigns, segments
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign, Sender, Variant

LONGEST = 1000
"""Characters of a campaign's name (create.Text)."""


def spec_of(conn: sa.Connection, account_id: AccountId, campaign: Campaign) -> dict[str, Any]:
    """What `parse_spec` reads: all of a campaign but its time and what became of it. Segments that are gone are left
    out.
    """
    named = {int(s.id): s.name for s in segments.listed(conn, account_id)}
    senders = {s.id: s for s in campaigns.senders_of(conn, account_id)}
    test = ab_tests.of_campaign(conn, account_id, campaign.id)
    return {
        "name": campaign.name,
        "kind": campaign.kind.value,
        "sender": _sender(senders[campaign.sender_id]),
        "include": [named[i] for i in campaign.include if i in named],
        "exclude": [named[i] for i in campaign.exclude if i in named],
        "variants": [_variant(v, senders, named) for v in campaigns.variants_of(conn, account_id, campaign.id)],
        "test": _test(test.test) if test is not None else None,
        "retry_for_hours": campaign.retry_for_s / 3600,
        "in_doubt": campaign.in_doubt.value,
        "priority": campaign.priority.value,
        "weight": campaign.weight,
        "per_hour": campaign.per_hour,
        "spread_hours": campaign.spread_s / 3600,
        "local_time": campaign.is_local_time,
        "late_after_hours": campaign.late_after_s / 3600,
    }


def duplicate(
    conn: sa.Connection, settings: Settings, account: Account, campaign_id: CampaignId, *, name: str | None,
    by: int | None, now: datetime, changes: Mapping[str, Any] | None = None,
) -> CampaignId:  # fmt: skip
    """Another campaign with the same content, audience and test, as a draft; `changes` stand in place of what was.

    Raises: NotFound; BadInput where the name is taken, or what it was made of is gone.
    """
    campaign = campaigns.get(conn, account.id, campaign_id)
    called = name or copy_name(conn, account, campaign)
    spec = {**spec_of(conn, account.id, campaign), "name": called, **(changes or {})}
    return create_campaign(conn, settings, account, parse_spec(spec, where=called), now=now, by=by)


def copy_name(conn: sa.Connection, account: Account, campaign: Campaign) -> str:
    """A free name for a copy: "Copy of …", in the account's language, with a number from the second on."""
    said = catalogue(account.locale).gettext("Copy of %(name)s") % {"name": campaign.name}
    return free_name(conn, account.id, said)


def free_name(conn: sa.Connection, account_id: AccountId, wanted: str) -> str:
    """The name, with a number behind it where it is taken."""
    return numbered(wanted, {c.name for c in campaigns.listed(conn, account_id)}, longest=LONGEST)


def numbered(wanted: str, taken: Collection[str], *, longest: int) -> str:
    """The name, cut to what a name may be long, with a number behind it from the second of its kind on."""
    endings = ("", *(f" ({number})" for number in range(2, len(taken) + 3)))
    return next(name for end in endings if (name := f"{wanted[: longest - len(end)]}{end}") not in taken)


def _sender(sender: Sender) -> dict[str, Any]:
    return {"name": sender.name, "email": sender.email, "reply_to": sender.reply_to}


def _variant(variant: Variant, senders: Mapping[int, Sender], named: Mapping[int, str]) -> dict[str, Any]:
    source = variant.source
    return {
        "name": variant.name,
        "share": variant.share,
        "segment": named.get(int(variant.segment_id)) if variant.segment_id is not None else None,
        "sender": _sender(senders[variant.sender_id]) if variant.sender_id is not None else None,
        "after_hours": variant.offset_s / 3600,
        "subject": source.subject,
        "preheader": source.preheader,
        "mjml" if source.kind is SourceKind.MJML else "html": source.body,
        "text": source.text,
        "defaults": dict(source.defaults),
        "files": [{"path": f.name, "cid": f.cid, "content": f.content} for f in source.files],
    }


def _test(test: AbTest) -> dict[str, Any]:
    return {
        "size": test.size if test.is_exact else "auto", "criterion": test.criterion.value,
        "lift": round(test.lift, 6) or None,
        "decide": test.decide.value, "decide_after_hours": test.hours, "otherwise": test.otherwise.value,
        "hold_out": test.hold_out,
    }  # fmt: skip
