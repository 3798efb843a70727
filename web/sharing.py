"""Sharing: the redirect behind a share button, and the version of a message that everybody may see.

    /s/TOKEN/NETWORK   a button in somebody's mail
    /p/KEY             the public version, asked for with ?via=NETWORK by those whom a network sent
    /p/KEY/NETWORK     a button on it

A redirect leads to the network's own dialog, made from our table and our own address: nothing of it is taken from the
request. Each is an event, with the verdict human or machine, since networks fetch what is shared to draw it.
"""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import dataclass
from html import escape

import msgspec
import sqlalchemy as sa
import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.sharing import LINK, Network, dialog, network_of, public_address
from sillage.errors import SillageError
from sillage.i18n import catalogue, language_of
from sillage.lake.event import EventType
from sillage.settings import Settings
from sillage.store import public_versions
from sillage.store.database import Store
from sillage.store.public_versions import PublicVersion
from sillage.store.targets import Target
from sillage.tokens import NOBODY, Recipient, TokenKey
from web.journal import Journal
from web.look import MAIL_HEADERS, PAGE_HEADERS, page, preferred_language
from web.targets import Targets
from web.visitor import Visitors

_PUBLIC_VERSION = "sillage.campaign.public_version"
_LISTED_HEADERS = {name: value for name, value in MAIL_HEADERS.items() if name != "x-robots-tag"}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Found:
    """A public version and its page, as ops has them now. `page` is empty where it was not asked for."""

    version: PublicVersion
    page: str = ""


class SharingPages:
    """The routes of sharing, of one tracker."""

    def __init__(
        self, settings: Settings, store: Store, journal: Journal, targets: Targets, visitors: Visitors
    ) -> None:
        self._settings = settings
        self._store = store
        self._journal = journal
        self._targets = targets
        self._visitors = visitors
        self._key = TokenKey(settings.secret.get_secret_value())
        self.routes = [
            Route("/s/{token}/{network}", self._from_mail, methods=["GET", "HEAD"]),
            Route("/p/{key}", self._shown, methods=["GET", "HEAD"]),
            Route("/p/{key}/{network}", self._from_page, methods=["GET", "HEAD"]),
        ]

    async def _from_mail(self, request: Request) -> Response:
        recipient, network = self._key.read(request.path_params["token"]), network_of(request.path_params["network"])
        target = await self._targets.find(recipient.variant_id) if recipient and network else None
        if recipient is None or network is None or target is None or target.campaign_id != recipient.campaign_id:
            return _nothing(request)
        found = await asyncio.to_thread(self._of_campaign, target)
        key = target.public_key if found is None else found.key if found.is_on else ""
        if not key:
            return _gone(language_of(target.locale))
        title = found.title if found is not None else target.account_name
        await self._note(request, EventType.SHARED, network, recipient, target)
        address = public_address(self._settings.base_url, key, network)
        return _to_dialog(language_of(target.locale), network, address, title)

    async def _from_page(self, request: Request) -> Response:
        network = network_of(request.path_params["network"])
        found = await asyncio.to_thread(self._of_key, request.path_params["key"]) if network else None
        if network is None or found is None:
            return _nothing(request)
        if isinstance(found, str):
            return _later(request)
        version, target = found.version, await self._targets.find(found.version.variant_id)
        language = language_of(target.locale) if target else preferred_language(request)
        if not version.is_on:
            return _gone(language)
        if target is not None:
            nobody = Recipient(version.campaign_id, version.variant_id, NOBODY)
            await self._note(request, EventType.SHARED, network, nobody, target)
        address = public_address(self._settings.base_url, version.key, network)
        return _to_dialog(language, network, address, version.title)

    async def _shown(self, request: Request) -> Response:
        via = network_of(request.query_params.get("via", ""))
        found = await asyncio.to_thread(self._of_key, request.path_params["key"], via, is_rendered=True)
        if found is None:
            return _nothing(request)
        if isinstance(found, str):
            return _later(request)
        version, target = found.version, await self._targets.find(found.version.variant_id)
        if not version.is_on:
            return _gone(language_of(target.locale) if target else preferred_language(request))
        if target is not None:
            nobody = Recipient(version.campaign_id, version.variant_id, NOBODY)
            await self._note(request, EventType.PAGE_VIEWED, via, nobody, target)
        return HTMLResponse(found.page, headers=_LISTED_HEADERS if version.is_listed else MAIL_HEADERS)

    async def _note(
        self, request: Request, kind: EventType, via: Network | None, recipient: Recipient, target: Target
    ) -> None:
        """Write it down, judged as a click is: both are a browser on its way, not a picture that a mail shows."""
        peer = request.client.host if request.client else ""
        seen = self._visitors.see(request.method.encode("ascii"), peer, request.headers.raw, is_click=True)
        now = self._settings.clock.now().isoformat()
        facts = {
            "type": kind.value, "account_id": target.account_id, "occurred_at": now, "recorded_at": now,
            "campaign_id": recipient.campaign_id, "variant_id": recipient.variant_id, "via": via or LINK,
            **({"is_test": True} if recipient.is_test else {}),
            **({"contact_id": recipient.contact_id} if recipient.contact_id != NOBODY else {}),
        }  # fmt: skip
        members = msgspec.json.encode(facts)[1:-1] + seen.verdict
        if recipient.contact_id != NOBODY:
            members += seen.ip if target.keeps_ip else b""
            members += seen.agent if target.keeps_agent else b""
        await self._journal.add(members)

    def _of_campaign(self, target: Target) -> PublicVersion | None:
        """What ops has of a campaign; None where it does not answer, or has none (then the target has none either)."""
        try:
            with self._store.read() as conn:
                return public_versions.of_campaign(conn, AccountId(target.account_id), CampaignId(target.campaign_id))
        except (SillageError, sa.exc.SQLAlchemyError):
            return None

    def _of_key(self, key: str, via: Network | None = None, *, is_rendered: bool = False) -> _Found | str | None:
        """What an address leads to; None: to nothing; a text: ops does not answer, or it can't be shown, and why."""
        try:
            with self._store.read() as conn:
                version = public_versions.by_key(conn, key)
                if version is None:
                    return None
                if not is_rendered or not version.is_on:
                    return _Found(version)
                render = importlib.import_module(_PUBLIC_VERSION).render
                return _Found(version, str(render(conn, self._settings, version, via)))
        except (SillageError, sa.exc.SQLAlchemyError) as exc:
            log.warning("public_version.not_shown", error=type(exc).__name__)
            return type(exc).__name__


def _to_dialog(language: str, network: Network, address: str, title: str) -> Response:
    """The network's dialog. A mail program is no page: a button opens it, and this page stays."""
    there = dialog(network, address, title)
    if network is not Network.EMAIL:
        return RedirectResponse(there, 302, headers=PAGE_HEADERS)
    _ = catalogue(language).gettext
    body = (
        f'<p><a href="{escape(there)}">{escape(_("Write the e-mail"))}</a></p>'
        f'<p class="quiet">{escape(_("Or copy the address:"))}<br>{escape(address)}</p>'
    )
    return page(language, _("Share by e-mail"), body)


def _nothing(request: Request) -> Response:
    language = preferred_language(request)
    _ = catalogue(language).gettext
    body = f"<p>{escape(_('It may have been cut on its way. Open it again from where you got it.'))}</p>"
    return page(language, _("This link leads nowhere"), body, status=404)


def _gone(language: str) -> Response:
    _ = catalogue(language).gettext
    body = f"<p>{escape(_('Its sender shows this message to nobody any more.'))}</p>"
    return page(language, _("This message is not public any more"), body, status=410)


def _later(request: Request) -> Response:
    language = preferred_language(request)
    _ = catalogue(language).gettext
    body = f"<p>{escape(_('Please try again in a minute.'))}</p>"
    return page(language, _("This page can't be shown just now"), body, status=503)
