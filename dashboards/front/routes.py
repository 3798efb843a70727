"""Sign in, sign out, set up, follow an invitation, choose another password. Looking changes nothing; a POST does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import urlencode
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboards.front import forms
from dashboards.front.cookies import Cookies
from dashboards.words import Words
from sillage.access import Door, Links
from sillage.access.door import Outcome
from sillage.domain.sign_in import MIN_PASSWORD, LinkPurpose, safe_next
from sillage.errors import BadInput, SillageError, TransientError
from sillage.look import PAGE_HEADERS, document
from sillage.settings import Settings

log = structlog.get_logger()

Form = dict[str, str]

# Without any referrer a browser says of its own forms that they come from nowhere (Origin: null), as a stranger's do.
HEADERS = {**PAGE_HEADERS, "referrer-policy": "same-origin"}


class Routes:
    """The pages of the way in, of one installation."""

    def __init__(self, settings: Settings, door: Door, links: Links, cookies: Cookies) -> None:
        self._settings = settings
        self._door = door
        self._links = links
        self._cookies = cookies

    @property
    def routes(self) -> list[Route]:
        """What stands beside Streamlit's own routes."""
        return [
            self._route("/sign-in", self._sign_in_page, self._sign_in),
            self._route("/sign-out", self._sign_out_page, self._sign_out),
            self._route("/me", self._me_page, self._me),
            self._route("/set-up/{token}", self._set_up_page, self._set_up),
            self._route("/invitation/{token}", self._invitation_page, self._invitation),
            self._route("/password/{token}", self._password_page, self._password),
        ]

    def _route(
        self,
        path: str,
        look: Callable[[Request, Words, str, Form], Awaitable[Response]],
        post: Callable[[Request, Words, Form], Awaitable[Response]],
    ) -> Route:
        async def posted(request: Request, words: Words) -> Response:
            form = await forms.read_form(request)
            if form is None or not forms.is_same_site(request):
                return self._plain(words, words.t("That can't be done like this."), 400)
            if not self._cookies.is_own_form(request.cookies, form.get("form", "")):
                expired = words.t("This page had been open for too long. Please try again.")
                return await look(request, words, expired, form)
            try:
                return await post(request, words, form)
            except BadInput as exc:
                return await look(request, words, _told(words, exc), form)

        async def answer(request: Request) -> Response:
            words = Words(forms.language_asked(request))
            try:
                if request.method == "POST":
                    return await posted(request, words)
                return await look(request, words, "", {})
            except TransientError:
                log.exception("front.busy", path=path)
                return self._plain(words, words.t("Not now. It may work in a moment."), 503)
            except SillageError as exc:
                log.info("front.refused", path=path, why=type(exc).__name__)
                return self._gone(words)
            except Exception:
                # The last fence before a person: whatever it is, they get words, and we get the trace.
                reference = uuid4().hex[:8]
                log.exception("front.failed", reference=reference, path=path)
                said = words.t(
                    "This page could not be drawn. Load it again; if it stays, look for %(reference)s in the log"
                    " of the pages.",
                    reference=reference,
                )
                return self._plain(words, said, 500)

        return Route(path, answer, methods=["GET", "HEAD", "POST"])

    # Signing in and out

    async def _sign_in_page(self, request: Request, words: Words, fault: str, form: Form) -> Response:
        wanted = safe_next(form.get("next") or request.query_params.get("next"))
        if not fault and await asyncio.to_thread(self._door.is_in, self._cookies.token(request.cookies)):
            return _go(wanted)
        inner = forms.field(
            words.t("E-mail address"), "email", kind="email", value=form.get("email", ""), fill="username"
        ) + forms.field(words.t("Password"), "password", kind="password", fill="current-password")
        note = words.t("Lost your password? Whoever runs this installation can give you a link: sillage user password.")
        here = "/sign-in" + (f"?{urlencode({'next': wanted})}" if wanted != "/" else "")
        return self._page(
            request, words, words.t("Sign in"), inner, words.t("Sign in"), fault=fault, note=note, here=here,
            more={"next": wanted},
        )  # fmt: skip

    async def _sign_in(self, request: Request, words: Words, form: Form) -> Response:
        wanted = safe_next(form.get("next"))
        answer = await asyncio.to_thread(
            self._door.sign_in, form.get("email", ""), form.get("password", ""), address=self._address(request),
            device=request.cookies.get(self._cookies.device, ""), old=self._cookies.token(request.cookies),
        )  # fmt: skip
        if answer.outcome is Outcome.IN:
            response = _go(wanted)
            self._cookies.sign_in(response, answer.token, device=answer.device)
            return response
        if answer.outcome is Outcome.WAIT:
            said = words.t("Too many tries. Wait %(time)s, then try again.", time=words.lasting(answer.wait))
            response = await self._sign_in_page(request, words, said, form)
            response.status_code = 429
            return response
        said = words.t("This address and this password do not go together.")
        response = await self._sign_in_page(request, words, said, form)
        response.status_code = 401
        return response

    async def _sign_out_page(self, request: Request, words: Words, fault: str, _form: Form) -> Response:
        words = await self._own_words(request, words)
        return self._page(request, words, words.t("Sign out?"), "", words.t("Sign out"), fault=fault, back=True)

    async def _sign_out(self, request: Request, _words: Words, _form: Form) -> Response:
        await asyncio.to_thread(self._door.sign_out, self._cookies.token(request.cookies))
        response = _go("/sign-in")
        self._cookies.sign_out(response)
        return response

    # One's own password

    async def _me_page(self, request: Request, words: Words, fault: str, _form: Form) -> Response:
        words = await self._own_words(request, words)
        signed_in = await asyncio.to_thread(self._door.who, self._cookies.token(request.cookies))
        if signed_in is None:
            return _go("/sign-in")
        inner = (
            f'<p class="quiet">{escape(signed_in.user.name)} · {escape(signed_in.user.email)}</p>'
            f'<input type="hidden" name="username" autocomplete="username" value="{escape(signed_in.user.email)}">'
            + forms.field(words.t("Present password"), "old", kind="password", fill="current-password")
            + _new_password(words)
        )
        note = words.t("You are signed out everywhere else.")
        return self._page(
            request, words, words.t("Change your password"), inner, words.t("Change the password"), fault=fault,
            note=note, back=True,
        )  # fmt: skip

    async def _me(self, request: Request, _words: Words, form: Form) -> Response:
        token = await asyncio.to_thread(
            self._door.change_password, self._cookies.token(request.cookies), form.get("old", ""),
            form.get("password", ""), address=self._address(request),
        )  # fmt: skip
        response = _go("/")
        self._cookies.sign_in(response, token)
        return response

    # One-time links

    async def _set_up_page(self, request: Request, words: Words, fault: str, form: Form) -> Response:
        token = request.path_params["token"]
        if await asyncio.to_thread(self._links.open_link, LinkPurpose.SET_UP, token) is None:
            return self._gone(words)
        inner = ""
        if await asyncio.to_thread(self._links.needs_account):
            inner = forms.field(
                words.t("Name of your organisation"), "account_name", value=form.get("account_name", ""),
                fill="organization",
            )  # fmt: skip
        inner += (
            forms.field(words.t("Your name"), "name", value=form.get("name", ""), fill="name")
            + forms.field(
                words.t("E-mail address"), "email", kind="email", value=form.get("email", ""), fill="username"
            )
            + _new_password(words)
        )
        intro = words.t("You will own this installation: you write campaigns, and you invite the others.")
        return self._page(
            request, words, words.t("Welcome to Sillage"), inner, words.t("Begin"), fault=fault, intro=intro
        )

    async def _set_up(self, request: Request, words: Words, form: Form) -> Response:
        session = await asyncio.to_thread(
            self._links.follow_set_up, request.path_params["token"], email=form.get("email", ""),
            name=form.get("name", ""), password=form.get("password", ""), language=words.language,
            account_name=form.get("account_name", ""),
        )  # fmt: skip
        return self._enter(session)

    async def _invitation_page(self, request: Request, words: Words, fault: str, form: Form) -> Response:
        found = await asyncio.to_thread(self._links.open_link, LinkPurpose.INVITATION, request.path_params["token"])
        if found is None:
            return self._gone(words)
        shown = f'<p class="quiet">{escape(found.email)}</p>'
        shown += f'<input type="hidden" name="username" autocomplete="username" value="{escape(found.email)}">'
        if await asyncio.to_thread(self._links.has_user, found):
            intro = words.t("You have a password here already. Give it, and this account is added to yours.")
            inner = shown + forms.field(words.t("Password"), "password", kind="password", fill="current-password")
        else:
            intro = words.t("You are invited. Choose a name and a password, and you are in.")
            inner = (
                shown
                + forms.field(words.t("Your name"), "name", value=form.get("name", ""), fill="name")
                + _new_password(words)
            )
        return self._page(request, words, words.t("Come in"), inner, words.t("Come in"), fault=fault, intro=intro)

    async def _invitation(self, request: Request, words: Words, form: Form) -> Response:
        session = await asyncio.to_thread(
            self._links.follow_invitation, request.path_params["token"], name=form.get("name", ""),
            password=form.get("password", ""), language=words.language, address=self._address(request),
        )  # fmt: skip
        return self._enter(session)

    async def _password_page(self, request: Request, words: Words, fault: str, _form: Form) -> Response:
        token = request.path_params["token"]
        if await asyncio.to_thread(self._links.open_link, LinkPurpose.PASSWORD, token) is None:
            return self._gone(words)
        return self._page(
            request, words, words.t("Choose a new password"), _new_password(words), words.t("Change the password"),
            fault=fault, note=words.t("You are signed out everywhere else."),
        )  # fmt: skip

    async def _password(self, request: Request, _words: Words, form: Form) -> Response:
        session = await asyncio.to_thread(
            self._links.follow_password, request.path_params["token"], password=form.get("password", "")
        )
        return self._enter(session)

    # What they share

    def _enter(self, session: str) -> Response:
        response = _go("/")
        self._cookies.sign_in(response, session)
        return response

    async def _own_words(self, request: Request, words: Words) -> Words:
        """The language of who is signed in, unless the address says another."""
        if request.query_params.get("lang"):
            return words
        signed_in = await asyncio.to_thread(self._door.who, self._cookies.token(request.cookies))
        return Words(signed_in.user.language) if signed_in else words

    def _address(self, request: Request) -> str:
        """The network address of who asks; a proxy of ours says it for others (the last one that it saw)."""
        peer = request.client.host if request.client else ""
        if peer in self._settings.trusted_proxies:
            told = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",")]
            outside = [part for part in told if part and part not in self._settings.trusted_proxies]
            return outside[-1] if outside else peer
        return peer

    def _page(
        self, request: Request, words: Words, title: str, inner: str, button: str, *, fault: str = "",
        intro: str = "", note: str = "", here: str = "", back: bool = False, more: Form | None = None,
    ) -> Response:  # fmt: skip
        nonce, said = self._cookies.form_token(request.cookies)
        here = here or request.url.path
        joint = "&" if "?" in here else "?"
        action = f"{here}{joint}lang={words.language}"
        body = forms.wrong(fault) + (f"<p>{escape(intro)}</p>" if intro else "")
        body += forms.form(action, inner, button, {"form": said, **(more or {})})
        body += f'<p class="quiet">{escape(note)}</p>' if note else ""
        body += f'<p><a href="/">{escape(words.t("Back to the pages"))}</a></p>' if back else ""
        foot = f"Sillage · {forms.other_languages(words, here)}"
        response = HTMLResponse(
            document(words.language, title, body, foot=foot), 400 if fault else 200, headers=HEADERS
        )
        self._cookies.remember_form(response, nonce)
        return response

    def _gone(self, words: Words) -> Response:
        body = (
            f"<p>{escape(words.t('It was followed already, it is too old, or a newer one took its place.'))}</p>"
            f"<p>{escape(words.t('Ask for a new one, or sign in.'))}</p>"
            f'<p><a href="/sign-in?lang={words.language}">{escape(words.t("Sign in"))}</a></p>'
        )
        title = words.t("This link leads nowhere")
        return HTMLResponse(document(words.language, title, body), 404, headers=HEADERS)

    def _plain(self, words: Words, text: str, status: int) -> Response:
        body = f'<p>{escape(text)}</p><p><a href="/sign-in">{escape(words.t("Sign in"))}</a></p>'
        return HTMLResponse(document(words.language, words.t("Something is in the way"), body), status, headers=HEADERS)


def _new_password(words: Words) -> str:
    note = words.t("%(count)s characters or more: four or five words are easy to keep.", count=MIN_PASSWORD)
    return forms.field(words.t("New password"), "password", kind="password", fill="new-password", note=note)


def _told(words: Words, exc: BadInput) -> str:
    """What is wrong with what was typed, in the reader's language."""
    told = {
        "too_short": words.t("The password is too short: %(count)s characters or more.", count=MIN_PASSWORD),
        "too_long": words.t("The password is too long: 200 characters are the most."),
        "is_address": words.t("The password is your address: choose another one."),
        "too_plain": words.t("The password repeats a few characters: choose another one."),
        "wrong_password": words.t("The password is another one."),
        "wait": words.t("Too many tries. Wait some minutes, then try again."),
        "no_name": words.t("A name is missing, or is longer than 100 characters."),
        "user_taken": words.t("This address signs in already."),
    }
    return told.get(exc.code, words.t("This is no e-mail address that mail can reach."))


def _go(address: str) -> Response:
    return RedirectResponse(address, 303, headers={"cache-control": "no-store"})
