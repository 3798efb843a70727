"""A campaign as the form of the pages holds it: plain data by the names of its boxes, kept with a draft.

Version A's content is the draft's own, so that the editor writes in it; the other versions' lie in the form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sillage.campaign.copying import spec_of
from sillage.campaign.drafting import pictures_in_library
from sillage.content.message import Source
from sillage.content.mime import Attachment
from sillage.domain.ab_test import DEFAULT_HOURS, Criterion
from sillage.domain.campaign import SourceKind
from sillage.domain.ids import CampaignId
from sillage.errors import BadInput, NotFound, Refused
from sillage.settings import Settings
from sillage.store import campaigns, drafts
from sillage.store.accounts import Account
from sillage.store.campaigns import Sender
from sillage.store.drafts import DraftMail, Written

NAMES = "ABCDE"
TEST, SHARES = "test", "shares"
_POINT = 100.0


def to_draft(
    conn: sa.Connection, settings: Settings, account: Account, campaign_id: CampaignId, *, name: str, by: int | None,
    now: datetime, changes: Mapping[str, Any] | None = None,
) -> DraftMail:  # fmt: skip
    """A draft with a campaign's content, audience and test, to be changed and sent as another campaign.

    Raises: NotFound; Refused where the form can't hold it: versions for segments of their own, attached files.
    """
    campaign = campaigns.get(conn, account.id, campaign_id)
    spec = {**spec_of(conn, account.id, campaign), "name": name, **(changes or {})}
    versions = spec["variants"]
    if any(v.get("segment") for v in versions):
        raise Refused("its versions go to segments of their own, which the form does not hold:"
                      " `sillage campaign duplicate` copies it")  # fmt: skip
    attached = [f["path"] for v in versions for f in v.get("files", ()) if not f["cid"]]
    if attached:
        raise Refused(f"{attached[0]} is attached to it, which the form does not hold:"
                      " `sillage campaign duplicate` copies it")  # fmt: skip
    shown = []
    for version in versions:
        pictures = tuple(Attachment(f["path"], "", f["content"], f["cid"]) for f in version.get("files", ()))
        source = replace(_source(version), files=pictures)
        body = pictures_in_library(conn, settings, account.id, source, now=now)
        shown.append({**version, source.kind.value: body, "files": []})
    known = campaigns.senders_of(conn, account.id)
    first = _source(shown[0])
    written = Written(first.kind, first.body, first.subject, first.preheader)
    return drafts.create(
        conn, account.id, name, written, by=by, now=now, form=form_of({**spec, "variants": shown}, known)
    )


def form_of(spec: Mapping[str, Any], senders: Sequence[Sender]) -> dict[str, Any]:
    """What the form holds of a campaign (plain data, as `spec_of` gives it)."""
    versions: list[Mapping[str, Any]] = spec["variants"]
    form: dict[str, Any] = {
        "name": spec["name"], "kind": spec["kind"], "sender": _sender_id(spec["sender"], senders),
        "include": spec["include"], "exclude": spec["exclude"], "versions": len(versions),
    }  # fmt: skip
    test = spec.get("test")
    if len(versions) > 1:
        form["way"] = TEST if test else SHARES
    if test:
        form |= {"criterion": test["criterion"], "decide": test["decide"], "hours": test["decide_after_hours"],
                 "otherwise": test["otherwise"], "hold_out": test["hold_out"]}  # fmt: skip
        if test.get("lift"):
            form[f"lift_{test['criterion']}"] = round(test["lift"] * _POINT, 4)
        if test["size"] != "auto":
            form["test_size"] = test["size"]
    for letter, version in zip(NAMES, versions, strict=False):
        form |= _version(letter, version, senders, len(versions))
    return form


def spec_of_form(form: Mapping[str, Any], written: Written, senders: Sequence[Sender]) -> dict[str, Any]:
    """A campaign as plain data again, out of a draft and what its form holds.

    Raises: NotFound where its sender is gone; BadInput where the form was never filled.
    """
    sender = _sender_of(form.get("sender"), senders)
    if not form.get("include"):
        raise BadInput("it goes to no segment: fill the form of its campaign first", code="no_segment", field="include")
    count = min(max(1, int(form.get("versions") or 1)), len(NAMES))
    way = form.get("way", TEST)
    versions = []
    for letter in NAMES[:count]:
        version = _version_of(letter, form, written)
        if count > 1 and way == SHARES:
            version["share"] = _share_of(letter, form, count)
        elif count > 1:
            own = form.get(f"sender_{letter}")
            version["sender"] = _sender_spec(_sender_of(own, senders)) if own else None
            version["after_hours"] = form.get(f"after_{letter}") or 0
        versions.append(version)
    return {
        "name": str(form.get("name") or "").strip(), "kind": str(form.get("kind") or "marketing"),
        "sender": _sender_spec(sender), "include": list(form["include"]), "exclude": list(form.get("exclude") or ()),
        "variants": versions, "test": _test_of(form) if count > 1 and way == TEST else None,
    }  # fmt: skip


def _test_of(form: Mapping[str, Any]) -> dict[str, Any]:
    criterion = str(form.get("criterion") or Criterion.CLICKS)
    lift = form.get(f"lift_{criterion}")
    return {
        "size": form.get("test_size") or "auto", "criterion": criterion, "lift": lift / _POINT if lift else None,
        "decide": str(form.get("decide") or "when_sure"), "decide_after_hours": int(form.get("hours") or DEFAULT_HOURS),
        "otherwise": str(form.get("otherwise") or "first"), "hold_out": int(form.get("hold_out") or 0),
    }  # fmt: skip


def _version(letter: str, version: Mapping[str, Any], senders: Sequence[Sender], count: int) -> dict[str, Any]:
    source = _source(version)
    held: dict[str, Any] = {
        f"subject_{letter}": source.subject, f"preheader_{letter}": source.preheader,
        f"language_{letter}": source.kind.value.upper(), f"source_{letter}": source.body,
        **{f"default_{letter}_{field}": said.strip() for field, said in source.defaults},
    }  # fmt: skip
    if version.get("share") is not None:
        held["share" if count == 2 else f"share_{letter}"] = round(version["share"] * 100)  # noqa: PLR2004  # B's says both
    if version.get("sender"):
        held[f"sender_{letter}"] = _sender_id(version["sender"], senders)
    if version.get("after_hours"):
        held[f"after_{letter}"] = round(version["after_hours"])
    return held


def _version_of(letter: str, form: Mapping[str, Any], written: Written) -> dict[str, Any]:
    if letter == NAMES[0]:
        kind, body, subject, preheader = written.kind.value, written.body, written.subject, written.preheader
    else:
        kind = str(form.get(f"language_{letter}") or "MJML").lower()
        body, subject, preheader = (
            str(form.get(f"{box}_{letter}") or "") for box in ("source", "subject", "preheader")
        )
    start = f"default_{letter}_"
    # A box that was left empty shows nothing, and the mail goes out all the same.
    empty = {key.removeprefix(start): str(said) or " " for key, said in form.items() if key.startswith(start)}
    return {"name": letter, "subject": subject, "preheader": preheader, kind: body, "defaults": empty}


def _share_of(letter: str, form: Mapping[str, Any], count: int) -> float:
    if count == 2:  # noqa: PLR2004  # one number says both
        second = int(form.get("share") or 50)
        return (second if letter == "B" else 100 - second) / 100
    others = {name: int(form.get(f"share_{name}") or 100 // count) for name in NAMES[1:count]}
    return (others[letter] if letter in others else 100 - sum(others.values())) / 100


def _source(version: Mapping[str, Any]) -> Source:
    kind = SourceKind.MJML if version.get("mjml") is not None else SourceKind.HTML
    return Source(
        kind, str(version.get(kind.value) or ""), version["subject"], version.get("preheader") or "",
        version.get("text"), tuple(sorted((version.get("defaults") or {}).items())),
    )  # fmt: skip


def _sender_id(spec: Mapping[str, Any], senders: Sequence[Sender]) -> int | None:
    return next((s.id for s in senders if (s.name, s.email) == (spec["name"], spec["email"])), None)


def _sender_of(number: object, senders: Sequence[Sender]) -> Sender:
    for sender in senders:
        if sender.id == number:
            return sender
    raise NotFound("its sender is not among those of the account any more: choose one in its form")


def _sender_spec(sender: Sender) -> dict[str, Any]:
    return {"name": sender.name, "email": sender.email, "reply_to": sender.reply_to}
