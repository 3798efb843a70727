"""From a source with pictures of its own to a draft whose pictures are in the library, and have public addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from sillage.content import intake
from sillage.content.images import MAX_UPLOAD, Picture, picture_of
from sillage.content.intake import MAX_PICTURES, TakenIn
from sillage.content.message import Source
from sillage.domain.ids import AccountId
from sillage.errors import BadInput, SillageError
from sillage.outward import ask
from sillage.settings import Settings
from sillage.store import drafts, images
from sillage.store.drafts import DraftMail, Written


def draft_of(
    conn: sa.Connection, settings: Settings, account_id: AccountId, name: str, source: Source, *, by: int | None,
    now: datetime, form: Mapping[str, Any] | None = None,
) -> DraftMail:  # fmt: skip
    """Begin a draft with a source. Its inline pictures (`cid:`) go into the library, where the editor finds them.

    Raises: BadInput where a picture is none, or something is too long.
    """
    body = pictures_in_library(conn, settings, account_id, source, now=now)
    written = Written(source.kind, body, source.subject, source.preheader)
    return drafts.create(conn, account_id, name, written, by=by, now=now, form=form)


def pictures_in_library(
    conn: sa.Connection, settings: Settings, account_id: AccountId, source: Source, *, now: datetime
) -> str:
    """The body of a source, its inline pictures (`cid:`) in the library.

    Raises: BadInput where a picture is none, or the library is full.
    """
    body = source.body
    for file in source.files:
        if file.cid and f"cid:{file.cid}" in body:
            kept = images.keep(
                conn, settings, account_id, file.name, picture_of(file.content, file.name), alt="", now=now
            )
            for quote in ('"', "'"):
                body = body.replace(f"{quote}cid:{file.cid}{quote}", f"{quote}{settings.base_url}{kept.path}{quote}")
    return body


def fetched(settings: Settings, url: str) -> TakenIn:
    """A web page as a mail, its addresses made whole.

    Raises: BadInput where it may not be asked, is no page, or is too large; TransientError where it does not answer.
    """
    answer = ask(url.strip(), most=intake.MAX_SOURCE, may_be_private=settings.webhooks_may_be_private)
    if answer.status != HTTPStatus.OK:
        raise BadInput(f"{url.strip()[:100]} answers {answer.status}", code="no_page")
    if answer.is_cut:
        raise BadInput(f"{url.strip()[:100]} is larger than {intake.MAX_SOURCE:,} bytes", code="too_large")
    if not answer.type.lower().startswith(("text/", "application/xhtml", "application/xml")):
        raise BadInput(f"{url.strip()[:100]} is no page, but {answer.type[:60] or 'nothing that says'}", code="no_page")
    text = intake.text_of(answer.content, url.strip()[:100])
    name = urlsplit(answer.url).hostname or "page"
    return TakenIn(name, intake.kind_of(text), intake.made_absolute(text, answer.url), {})


def with_web_pictures(settings: Settings, found: TakenIn) -> tuple[TakenIn, list[str]]:
    """The mail with the pictures that it shows from the web, and the addresses of those that could not be had."""
    pictures, missing = dict(found.pictures), list[str]()
    wanted = [url for url in intake.pictures_of(found.body) if url.lower().startswith(("http://", "https://"))]
    for url in wanted[:MAX_PICTURES]:
        try:
            answer = ask(url, most=MAX_UPLOAD, may_be_private=settings.webhooks_may_be_private, timeout=5)
        except SillageError:
            missing.append(url)
            continue
        if answer.status == HTTPStatus.OK and not answer.is_cut:
            pictures[url] = answer.content
        else:
            missing.append(url)
    return replace(found, pictures=pictures), missing + wanted[MAX_PICTURES:]


def ready_pictures(found: TakenIn) -> tuple[dict[str, Picture], list[str]]:
    """The pictures of a mail made ready, and why others are none. Takes its time: to be done outside a transaction."""
    ready, faults = dict[str, Picture](), list[str]()
    for address, raw in {**found.pictures, **intake.inside(found.body)}.items():
        try:
            ready[address] = picture_of(raw, address[:60])
        except BadInput as exc:
            faults.append(str(exc))
    return ready, faults


def keep_pictures(
    conn: sa.Connection, settings: Settings, account_id: AccountId, body: str, ready: Mapping[str, Picture], *,
    now: datetime,
) -> str:  # fmt: skip
    """The mail with its pictures in the library.

    Raises: BadInput where the library is full.
    """
    kept = {}
    for address, picture in ready.items():
        name = "picture" if address.startswith("data:") else PurePosixPath(urlsplit(address).path).name or "picture"
        image = images.keep(conn, settings, account_id, name, picture, alt="", now=now)
        kept[address] = settings.base_url + image.path
    return intake.with_pictures(body, kept)
