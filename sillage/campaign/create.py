"""Make a campaign from a folder: campaign.toml and the files that it names.

name = "November news"
kind = "marketing"                       # or transactional, service
sender = { name = "Maison Sillage", email = "news@maison.example", reply_to = "hello@maison.example" }
include = ["Everyone"]                   # names of segments
exclude = []
send_at = 2026-11-24T10:00:00Z           # left out: a draft
local_time = false                       # true: at that hour where each contact lives (field timezone, else country)
spread_hours = 0                         # first attempts evenly over so many hours
per_hour = 20000                         # left out: no limit
priority = "bulk"                        # or: automation, urgent (what transactional and service messages are)
weight = 1                               # 1 to 100: its part of a provider's room beside others of its priority
late_after_hours = 6                     # how late it may leave without asking

[[variants]]
name = "A"
share = 0.5                              # or: segment = "Customers"
subject = "{{ first_name | default: 'Hello' }}, something new"
preheader = "Three things to see"
mjml = "a.mjml"                          # or: html = "a.html"
files = [{ path = "logo.png", cid = "logo" }, { path = "plan.pdf" }]    # <img src="cid:logo">, and an attachment
after_hours = 0                          # how long after send_at this version leaves
sender = { name = "Camille, Maison Sillage", email = "news@maison.example" }       # where it is not the campaign's
[variants.defaults]
first_name = "friend"

[test]                                   # left out: no test; with it, variants have neither share nor segment
size = "auto"                            # people of each version, or a number
criterion = "clicks"                     # or: opens, reactivity, conversions, unsubscribes (the fewest)
lift = 0.005                             # the smallest difference of the rate to see; left out: a tenth of the usual
decide = "when_sure"                     # or: at_time, by_hand
decide_after_hours = 24                  # when it ends at the latest, 1 to 168
otherwise = "first"                      # where nobody is sure: the first version, or nobody
hold_out = 0                             # people who get nothing, to measure the campaign itself against
"""

from __future__ import annotations

import math
import mimetypes
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sillage.campaign import public_version
from sillage.campaign.ab_setup import AbSpec, ab_test_of
from sillage.campaign.prepare import compile_for
from sillage.content.message import Source
from sillage.content.mime import Attachment
from sillage.content.public import has_share_buttons
from sillage.domain.campaign import MessageKind, Priority, SourceKind, priority_of
from sillage.domain.delivery import InDoubtPolicy
from sillage.domain.ids import CampaignId
from sillage.errors import BadInput, NotFound
from sillage.settings import Settings
from sillage.store import ab_tests, campaigns, segments
from sillage.store.accounts import Account
from sillage.store.campaigns import Draft, DraftVariant, Sender

MAX_FILES_BYTES = 10 * 1024 * 1024
"""Base64 makes 14 MB of it; many servers take no more than 20."""

Text = Annotated[str, Field(min_length=1, max_length=1000)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SenderSpec(_Spec):
    """Who it comes from: a verified sender of the account."""

    name: Text
    email: Text
    reply_to: str | None = None


class FileSpec(_Spec):
    """A file of the message: with `cid` an image that the HTML shows as `cid:…`, else an attachment."""

    path: Text
    cid: str = ""
    content: bytes = b""


class VariantSpec(_Spec):
    """One version of the message."""

    name: Text = "A"
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    segment: str | None = None
    sender: SenderSpec | None = None
    after_hours: Annotated[float, Field(ge=0, le=168)] = 0
    subject: Text
    preheader: str = ""
    mjml: str | None = None
    html: str | None = None
    text: str | None = None
    defaults: dict[str, str] = {}
    files: Annotated[list[FileSpec], Field(max_length=20)] = []

    @property
    def source(self) -> Source:
        """What is compiled of it."""
        kind = SourceKind.MJML if self.mjml is not None else SourceKind.HTML
        body = self.mjml or self.html or ""
        defaults = tuple(sorted(self.defaults.items()))
        return Source(kind, body, self.subject, self.preheader, self.text, defaults, _attachments(self))


class CampaignSpec(_Spec):
    """A campaign as a person writes it down; `mjml`, `html` and `text` hold the sources themselves."""

    name: Text
    kind: MessageKind = MessageKind.MARKETING
    sender: SenderSpec
    include: Annotated[list[str], Field(min_length=1)]
    exclude: list[str] = []
    send_at: datetime | None = None
    retry_for_hours: Annotated[float, Field(ge=0, le=72)] = 24
    in_doubt: InDoubtPolicy = InDoubtPolicy.HOLD
    priority: Priority | None = None
    weight: Annotated[int, Field(ge=1, le=100)] = 1
    per_hour: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    spread_hours: Annotated[float, Field(ge=0, le=720)] = 0
    local_time: bool = False
    late_after_hours: Annotated[float, Field(gt=0, le=720)] = 6
    variants: Annotated[list[VariantSpec], Field(min_length=1, max_length=5)]
    test: AbSpec | None = None


def read_folder(folder: Path) -> CampaignSpec:
    """Read campaign.toml and the files that it names, which must lie in the same folder.

    Raises: BadInput that names the file and the field.
    """
    path = folder / "campaign.toml"
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path} is not there; a campaign's folder holds a campaign.toml", code="no_file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BadInput(f"{path} does not parse: {exc}", code="bad_toml") from exc
    for number, variant in enumerate(raw.get("variants") or [], 1):
        for key in ("mjml", "html", "text"):
            if isinstance(variant, dict) and key in variant:
                variant[key] = _read_source(folder, str(variant[key]), f"{path}: variant {number}: {key}")
        for file in (variant.get("files") or []) if isinstance(variant, dict) else []:
            if isinstance(file, dict) and "path" in file:
                file["content"] = _read_bytes(folder, str(file["path"]), f"{path}: variant {number}: files")
    return parse_spec(raw, where=str(path))


def parse_spec(raw: Any, *, where: str) -> CampaignSpec:
    """Raises: BadInput that names the field and what it takes."""
    try:
        spec = CampaignSpec.model_validate(raw)
    except ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in exc.errors())
        raise BadInput(f"{where}: {faults}", code="bad_campaign") from exc
    _check_variants(spec, where)
    return spec


def _read_source(folder: Path, name: str, where: str) -> str:
    try:
        return _read_bytes(folder, name, where).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadInput(f"{where}: {folder / name} is not UTF-8: {exc}", code="bad_encoding") from exc


def _read_bytes(folder: Path, name: str, where: str) -> bytes:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BadInput(f"{where}: {name} lies outside the campaign's folder", code="outside_folder")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{where}: {path} is not there", code="no_file") from None
    except OSError as exc:
        raise BadInput(f"{where}: {path} can't be read: {exc.strerror}", code="no_file") from exc


def _attachments(variant: VariantSpec) -> tuple[Attachment, ...]:
    """Raises: BadInput where they are too big together, or one can't be a file of a message."""
    size = sum(len(file.content) for file in variant.files)
    if size > MAX_FILES_BYTES:
        raise BadInput(
            f"variant {variant.name!r}: its files have {size:,} octets; {MAX_FILES_BYTES:,} is the most",
            code="files_too_big", field="files",
        )  # fmt: skip
    return tuple(
        Attachment(
            Path(file.path).name,
            mimetypes.guess_type(file.path)[0] or "application/octet-stream",
            file.content,
            file.cid,
        )
        for file in variant.files
    )


def _check_variants(spec: CampaignSpec, where: str) -> None:
    names = [v.name for v in spec.variants]
    if len(set(names)) != len(names):
        raise BadInput(f"{where}: two variants have the same name", code="bad_variants", field="variants")
    for variant in spec.variants:
        if (variant.mjml is None) == (variant.html is None):
            raise BadInput(f"{where}: variant {variant.name!r} needs either mjml or html", code="bad_variants")
        if variant.share is not None and variant.segment is not None:
            raise BadInput(
                f"{where}: variant {variant.name!r} has a share and a segment; choose one", code="bad_variants"
            )
    if spec.test is not None:
        if len(spec.variants) < 2:  # noqa: PLR2004  # one alone is not compared
            raise BadInput(f"{where}: test: it compares two to five variants", code="bad_test", field="test")
        given = next((v for v in spec.variants if v.share is not None or v.segment is not None), None)
        if given is not None:
            raise BadInput(
                f"{where}: variant {given.name!r} has a share or a segment, and there is a test, which draws its own"
                " samples; leave one out", code="bad_test", field="test",
            )  # fmt: skip
    by_segment = [v for v in spec.variants if v.segment is not None]
    shares = [v.share for v in spec.variants if v.share is not None]
    if by_segment and len(by_segment) != len(spec.variants):
        raise BadInput(f"{where}: either all variants have a segment of their own or none", code="bad_variants")
    if shares and (len(shares) != len(spec.variants) or not math.isclose(sum(shares), 1, abs_tol=1e-6)):
        raise BadInput(
            f"{where}: the shares of the variants must add up to 1, not {sum(shares):g}", code="bad_variants"
        )


def create_campaign(
    conn: sa.Connection, settings: Settings, account: Account, spec: CampaignSpec, *, now: datetime,
    by: int | None = None,
) -> CampaignId:  # fmt: skip
    """Write a campaign as a draft, all or nothing: every source is compiled first. `by` is the user who made it.

    Raises: BadInput, NotFound.
    """
    sender = _sender(conn, account, spec.sender)
    variants, is_shared = [], False
    for variant in spec.variants:
        source = variant.source
        own = _sender(conn, account, variant.sender) if variant.sender is not None else None
        if own is not None and _domain(own) != _domain(sender):
            raise BadInput(
                f"variant {variant.name!r}: its sender <{own.email}> is of another domain than the campaign's,"
                f" {_domain(sender)}; a campaign warms up and signs for one", code="other_domain", field="sender",
            )  # fmt: skip
        compiled = compile_for(settings, account, own or sender, spec.kind, source)
        is_shared = is_shared or has_share_buttons(compiled.html)
        segment = segments.by_name(conn, account.id, variant.segment).id if variant.segment else None
        variants.append(
            DraftVariant(
                variant.name, source, compiled.links, variant.share, segment, own.id if own else None,
                round(variant.after_hours * 3600),
            )
        )  # fmt: skip
    test = ab_test_of(spec.test, len(variants), settings, account.id) if spec.test is not None else None
    send_at = spec.send_at
    if send_at is not None and send_at.tzinfo is None:
        raise BadInput("send_at has no time zone; write it as 2026-11-24T10:00:00Z", code="no_zone", field="send_at")
    draft = Draft(
        name=spec.name,
        kind=spec.kind,
        sender_id=sender.id,
        include=[segments.by_name(conn, account.id, name).id for name in spec.include],
        exclude=[segments.by_name(conn, account.id, name).id for name in spec.exclude],
        variants=variants,
        send_at=send_at.astimezone(UTC) if send_at else None,
        retry_for_s=round(spec.retry_for_hours * 3600),
        in_doubt=spec.in_doubt,
        priority=priority_of(spec.kind, spec.priority),
        weight=spec.weight,
        per_hour=spec.per_hour,
        spread_s=round(spec.spread_hours * 3600),
        is_local_time=spec.local_time,
        late_after_s=max(1, round(spec.late_after_hours * 3600)),
    )
    campaign_id = campaigns.create(conn, account.id, draft, now=now, by=by)
    if test is not None:
        ab_tests.add(conn, account.id, campaign_id, test)
    if is_shared:
        # Who placed share buttons wants it seen; they lead nowhere without a page that everybody may see.
        public_version.begin(conn, account.id, campaign_id, now=now)
    return campaign_id


def _sender(conn: sa.Connection, account: Account, wanted: SenderSpec) -> Sender:
    """Raises: NotFound."""
    for known in campaigns.senders_of(conn, account.id):
        if known.email.lower() == wanted.email.lower() and known.name == wanted.name:
            return known
    raise NotFound(f"no sender {wanted.name!r} <{wanted.email}>; add it with `sillage account add-sender`")


def _domain(sender: Sender) -> str:
    return sender.email.rpartition("@")[2].lower()
