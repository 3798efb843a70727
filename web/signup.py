"""The public pages of a sign-up: the form, and the button that confirms. Looking changes nothing.

The answer to a sign-up is the same for every address: known or not, suppressed or not, asked today already or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from html import escape
from urllib.parse import parse_qsl

import sqlalchemy as sa
import structlog
from python_multipart.exceptions import FormParserError
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sillage.domain.contact import EmailAddress
from sillage.domain.judge import current_rules
from sillage.errors import BadInput, NotFound, TransientError
from sillage.i18n import catalogue, language_of
from sillage.settings import Settings
from sillage.signup import Answer, SignupKey, confirm, find, sign_up
from sillage.store import accounts, forms
from sillage.store.accounts import Account
from sillage.store.database import Store
from sillage.store.forms import Form
from web.look import PAGE_HEADERS, nowhere, page, preferred_language
from web.visitor import Visitors

MAX_BODY_BYTES = 64 * 1024
_MAX_FIELDS = 20
_DOWN = (TransientError, sa.exc.SQLAlchemyError, OSError)
TRAP = "website"
"""A field that no person sees: who fills it is a program."""

log = structlog.get_logger()


class SignupPages:
    """The form and the confirmation of one tracker."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._secret = settings.secret.get_secret_value()
        self._key = SignupKey(self._secret)
        self._visitors = Visitors(settings.trusted_proxies, current_rules())

    @property
    def routes(self) -> list[Route]:
        """Where the pages are."""
        methods = ["GET", "HEAD", "POST"]
        return [
            Route("/f/{key}", self._form, methods=methods),
            Route("/s/{token}", self._confirmation, methods=methods),
        ]

    async def _form(self, request: Request) -> Response:
        try:
            form, account = await asyncio.to_thread(self._form_of, request.path_params["key"])
        except NotFound:
            return nowhere(request)
        except _DOWN:
            return _not_now(preferred_language(request))
        language = language_of(account.locale)
        if request.method != "POST":
            return page(language, *_asking(language, form, account))
        said = await read_form(request)
        if said is None:
            return PlainTextResponse("too large", 413, headers=PAGE_HEADERS)
        return await self._signed_up(request, form, account, said)

    async def _signed_up(self, request: Request, form: Form, account: Account, said: dict[str, str]) -> Response:
        language = language_of(account.locale)
        _ = catalogue(language).gettext
        if said.get(TRAP):
            return page(language, *_check_mailbox(language))
        try:
            address = EmailAddress.parse(said.get("email", "")[:320])
        except BadInput:
            fault = _("This is no e-mail address.")
            return page(language, *_asking(language, form, account, fault=fault), status=400)
        if "agree" not in said:
            fault = _("Tick the box to agree.")
            return page(language, *_asking(language, form, account, fault=fault), status=400)
        try:
            answer = await asyncio.to_thread(self._note, form, address, said, self._network(request))
        except _DOWN:
            log.exception("sign_up.refused", form_id=form.id)
            return _not_now(language)
        if answer is Answer.TOO_MANY:
            body = f"<p>{escape(_('Many sign-ups came from your network. Please try again in an hour.'))}</p>"
            return page(language, _("Not now"), body, status=429)
        return page(language, *_check_mailbox(language))

    async def _confirmation(self, request: Request) -> Response:
        signup_id = self._key.read(request.path_params["token"])
        if signup_id is None:
            return nowhere(request)
        try:
            form, account = await asyncio.to_thread(self._found, signup_id)
            language = language_of(account.locale)
            if request.method != "POST":
                return page(language, *_confirming(language, form, account))
            said = await read_form(request)
            if said is None or "confirm" not in said:
                return page(language, *_confirming(language, form, account), status=400)
            await asyncio.to_thread(self._confirm, signup_id, self._network(request) if account.keeps_ip else "")
        except NotFound:
            return nowhere(request)
        except _DOWN:
            log.exception("confirmation.refused", signup_id=signup_id)
            return _not_now(preferred_language(request))
        return page(language, *_confirmed(language, account))

    def _form_of(self, key: str) -> tuple[Form, Account]:
        with self._store.read() as conn:
            form = forms.by_key(conn, key)
            return form, accounts.by_id(conn, form.account_id)

    def _found(self, signup_id: int) -> tuple[Form, Account]:
        with self._store.read() as conn:
            _, form = find(conn, signup_id, self._settings.clock.now())
            return form, accounts.by_id(conn, form.account_id)

    def _note(self, form: Form, address: EmailAddress, said: dict[str, str], network: str) -> Answer:
        with self._store.write() as conn:
            return sign_up(
                conn, self._secret, form, address, fields=said, agrees_tracking="measure" in said, network=network,
                now=self._settings.clock.now(),
            )  # fmt: skip

    def _confirm(self, signup_id: int, network: str) -> None:
        with self._store.write() as conn:
            confirm(conn, signup_id, now=self._settings.clock.now(), seen_from=network)

    def _network(self, request: Request) -> str:
        """Where a request comes from, truncated to /24 or /48."""
        peer = request.client.host if request.client else ""
        return self._visitors.read(request.method, peer, request.scope["headers"]).network


def _asking(language: str, form: Form, account: Account, *, fault: str = "") -> tuple[str, str]:
    _ = catalogue(language).gettext
    names = (
        f'<label>{escape(_("First name"))}<input name="first_name" maxlength="60" autocomplete="given-name"></label>'
        f'<label>{escape(_("Last name"))}<input name="last_name" maxlength="60" autocomplete="family-name"></label>'
        if form.asks_name
        else ""
    )
    measure = _tick("measure", form.tracking_wording) if form.tracking_wording else ""
    wrong = f'<p class="wrong" role="alert">{escape(fault)}</p>' if fault else ""
    identity = ", ".join(part for part in (account.legal_name, account.postal_address) if part)
    body = (
        f'{wrong}<form method="post"><label>{escape(_("E-mail address"))}'
        f'<input type="email" name="email" required maxlength="254" autocomplete="email"></label>{names}'
        f'<label class="away" aria-hidden="true">{escape(_("Leave this empty"))}'
        f'<input name="{TRAP}" tabindex="-1" autocomplete="off"></label>'
        f'<label class="tick"><input type="checkbox" name="agree" required><span>{escape(form.wording)}</span></label>'
        f"{measure}<button>{escape(_('Sign up'))}</button></form>"
        f'<p class="quiet">{escape(_("You get one message that asks you to confirm. You can leave at any time."))}'
        f"<br>{escape(identity)}</p>"
    )
    return _("Messages from %(name)s") % {"name": account.name}, body


def _tick(name: str, words: str, *, must: bool = False) -> str:
    required = " required" if must else ""
    return f'<label class="tick"><input type="checkbox" name="{name}"{required}><span>{escape(words)}</span></label>'


def _check_mailbox(language: str) -> tuple[str, str]:
    _ = catalogue(language).gettext
    words = _("If that address can be written to, a message is on its way: press its button to confirm.")
    more = _("Nothing in your mailbox? Look into the spam folder, or sign up again tomorrow.")
    return _("Look into your mailbox"), f'<p>{escape(words)}</p><p class="quiet">{escape(more)}</p>'


def _confirming(language: str, form: Form, account: Account) -> tuple[str, str]:
    _ = catalogue(language).gettext
    return _("Confirm your sign-up to %(name)s?") % {"name": account.name}, (
        f"<p>{escape(form.wording)}</p>"
        '<form method="post"><input type="hidden" name="confirm" value="yes">'
        f"<button>{escape(_('Confirm my sign-up'))}</button></form>"
        f'<p class="quiet">{escape(_("Nothing happens before you press the button."))}</p>'
    )


def _confirmed(language: str, account: Account) -> tuple[str, str]:
    _ = catalogue(language).gettext
    words = _("You get messages from %(name)s from now on. Each of them has a link to leave.") % {"name": account.name}
    return _("Your sign-up is confirmed"), f"<p>{escape(words)}</p>"


def _not_now(language: str) -> Response:
    _ = catalogue(language).gettext
    body = f"<p>{escape(_('We could not note it just now. Please try again in a minute.'))}</p>"
    return page(language, _("Not now"), body, status=503)


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a small form, names in lower case; None where the body is too large. What is no form has none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    try:
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            parser = MultiPartParser(request.headers, _once(body), max_files=_MAX_FIELDS, max_fields=_MAX_FIELDS)
            pairs = [(name, value) for name, value in (await parser.parse()).multi_items() if isinstance(value, str)]
        else:
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except (MultiPartException, FormParserError, ValueError, KeyError):
        return {}
    return {name.strip().lower(): value.strip() for name, value in pairs}


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
    yield b""
