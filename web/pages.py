"""The few pages that people who get mail may see: leave, withdraw tracking, read in the browser.

Looking changes nothing, whoever looks and however often: only a POST does, by the page's button or by one click
(RFC 8058). Nothing is read of a contact before that, so that a page says the same, and as fast, of anybody.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import sqlalchemy as sa
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sillage.errors import TransientError
from sillage.i18n import catalogue, language_of
from sillage.settings import Settings
from sillage.store import image_files
from sillage.store.database import Store
from sillage.tokens import NOBODY, Recipient, TokenKey
from web.journal import Journal
from web.look import IMAGE_HEADERS, MAIL_HEADERS, PAGE_HEADERS, nowhere, page, preferred_language
from web.sharing import SharingPages
from web.signup import SignupPages, read_form
from web.targets import Targets
from web.visitor import Visitors
from web.wishes import Wishes, WishKind

_WEBVIEW = "sillage.campaign.webview"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Words:
    """What the two pages say, in the language of the account, before and after."""

    title: str
    question: str
    effect: str
    button: str
    done: str
    done_effect: str


class Pages:
    """The pages of one tracker."""

    def __init__(
        self, settings: Settings, store: Store, journal: Journal, targets: Targets, wishes: Wishes, visitors: Visitors
    ) -> None:
        self._settings = settings
        self._store = store
        self._journal = journal
        self._targets = targets
        self._wishes = wishes
        self._key = TokenKey(settings.secret.get_secret_value())
        self.app = Starlette(
            routes=[
                Route("/u/{token}", self._unsubscribe, methods=["GET", "HEAD", "POST"]),
                Route("/t/{token}", self._tracking, methods=["GET", "HEAD", "POST"]),
                Route("/w/{token}", self._web_version, methods=["GET", "HEAD"]),
                Route("/i/{name}", self._image, methods=["GET", "HEAD"]),
                *SignupPages(settings, store).routes,
                *SharingPages(settings, store, journal, targets, visitors).routes,
                Route("/health", self._health, methods=["GET", "HEAD"]),
            ],
            exception_handlers={404: self._not_found, 405: self._not_allowed},
        )

    async def _unsubscribe(self, request: Request) -> Response:
        return self._of_a_test(request, _leaving) or await self._wish(request, WishKind.UNSUBSCRIBE, _leaving)

    async def _tracking(self, request: Request) -> Response:
        return self._of_a_test(request, _untracking) or await self._wish(
            request, WishKind.WITHDRAW_TRACKING, _untracking
        )

    def _of_a_test(self, request: Request, words_of: Callable[[str, str], _Words]) -> Response | None:
        """What a link of a test mail would do: it says so, and does nothing. None where it is of no test."""
        recipient = self._recipient(request)
        if recipient is None or not recipient.is_test:
            return None
        language = preferred_language(request)
        _ = catalogue(language).gettext
        words = words_of(language, "")
        said = (
            f"<p>{escape(_('This message was a test, and nothing has changed.'))}</p>"
            f"<p>{escape(_('Whoever gets it from a campaign is asked here:'))}"
            f" <strong>{escape(words.title)}</strong></p>"
            f"<p>{escape(words.question)} {escape(words.effect)}</p>"
        )
        return page(language, _("A test: this link does nothing"), said)

    async def _wish(self, request: Request, kind: WishKind, words_of: Callable[[str, str], _Words]) -> Response:
        recipient = self._recipient(request)
        target = await self._targets.find(recipient.variant_id) if recipient else None
        if recipient is None or (target and target.campaign_id != recipient.campaign_id):
            return nowhere(request)
        language = language_of(target.locale) if target else preferred_language(request)
        words = words_of(language, target.account_name if target else "")
        if request.method != "POST":
            return page(language, words.title, _asking(words))
        return await self._granted(request, kind, recipient, words, language)

    async def _granted(
        self, request: Request, kind: WishKind, recipient: Recipient, words: _Words, language: str
    ) -> Response:
        """The answer to a POST: by one click, by the page's button, or by something that asks for nothing."""
        form = await read_form(request)
        if form is None:
            return PlainTextResponse("too large", 413, headers=PAGE_HEADERS)
        is_one_click = form.get("list-unsubscribe", "").lower() == "one-click"
        if not is_one_click and "confirm" not in form:
            return page(language, words.title, _asking(words), status=400)
        via = "one_click" if is_one_click else "page"
        try:
            await self._wishes.grant(kind, recipient, via=via, occurred_at=self._settings.clock.now())
        except TransientError:
            log.exception("wish.refused", kind=kind)
            return page(language, words.title, _sorry(language), status=503)
        if is_one_click:
            return PlainTextResponse("ok", headers=PAGE_HEADERS)
        return page(language, words.done, _answer(words))

    async def _web_version(self, request: Request) -> Response:
        recipient = self._recipient(request)
        if recipient is not None and recipient.is_test:
            language = preferred_language(request)
            _ = catalogue(language).gettext
            told = f"<p>{escape(_('The web version is there once the campaign has left.'))}</p>"
            return page(language, _("A test: this link does nothing"), told)
        body = await asyncio.to_thread(self._rendered, recipient) if recipient else None
        if body is None:
            return nowhere(request)
        return HTMLResponse(body, headers=MAIL_HEADERS)

    def _rendered(self, recipient: Recipient) -> str | None:
        if importlib.util.find_spec(_WEBVIEW) is None:
            return None
        render = importlib.import_module(_WEBVIEW).render
        try:
            with self._store.read() as conn:
                body: str | None = render(conn, self._settings, recipient)
        except (TransientError, sa.exc.SQLAlchemyError):
            return None
        return body

    async def _image(self, request: Request) -> Response:
        """A picture of somebody's mail, from disk or bucket alone: it is shown whether ops answers or not."""
        key, _, extension = request.path_params["name"].partition(".")
        try:
            content = await asyncio.to_thread(image_files.read, self._settings, key, extension)
        except TransientError as exc:
            log.warning("image.not_shown", error=str(exc))
            return PlainTextResponse("not now", 503, headers=PAGE_HEADERS)
        if content is None:
            return nowhere(request)
        return Response(content, media_type=image_files.TYPES[extension], headers=IMAGE_HEADERS)

    async def _health(self, _request: Request) -> Response:
        state = {
            "ok": True,
            "ops": self._targets.is_ops_up,
            "events": self._journal.written,
            "held": self._journal.held,
            "lost": self._journal.lost,
        }
        return JSONResponse(state, headers=PAGE_HEADERS)

    async def _not_found(self, request: Request, _exc: Any) -> Response:
        return nowhere(request)

    async def _not_allowed(self, _request: Request, _exc: Any) -> Response:
        return PlainTextResponse("method not allowed", 405, headers=PAGE_HEADERS)

    def _recipient(self, request: Request) -> Recipient | None:
        found = self._key.read(request.path_params["token"])
        return None if found is None or found.contact_id == NOBODY else found


def _leaving(language: str, sender: str) -> _Words:
    _ = catalogue(language).gettext
    return _Words(
        title=_("Stop these messages?"),
        question=_("You will get no more newsletters or offers from {sender}.").format(
            sender=sender or _("this sender")
        ),
        effect=_("It takes effect at once."),
        button=_("Unsubscribe"),
        done=_("You are unsubscribed"),
        done_effect=_("{sender} sends you no more newsletters or offers.").format(sender=sender or _("This sender")),
    )


def _untracking(language: str, sender: str) -> _Words:
    _ = catalogue(language).gettext
    return _Words(
        title=_("Stop measuring what you read?"),
        question=_("{sender} will no longer see whether you open its messages or follow their links.").format(
            sender=sender or _("This sender")
        ),
        effect=_("You go on getting the messages. Those that you have already are covered too."),
        button=_("Stop measuring"),
        done=_("Nothing is measured any more"),
        done_effect=_("Your choice holds for all messages from {sender}.").format(sender=sender or _("this sender")),
    )


def _asking(words: _Words) -> str:
    return (
        f"<p>{escape(words.question)}</p>"
        '<form method="post"><input type="hidden" name="confirm" value="yes">'
        f"<button>{escape(words.button)}</button></form>"
        f'<p class="quiet">{escape(words.effect)}</p>'
    )


def _answer(words: _Words) -> str:
    return f"<p>{escape(words.done_effect)}</p>"


def _sorry(language: str) -> str:
    _ = catalogue(language).gettext
    return f"<p>{escape(_('We could not note it just now. Please try again in a minute.'))}</p>"
