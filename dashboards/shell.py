"""The frame around every page: who looks at what, in which language, and what is said when something goes wrong.

A page runs alone as well as inside `main.py` (its test does the former), so it asks everything of here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import streamlit as st
import structlog
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException

from dashboards.front.cookies import Cookies
from dashboards.words import Words, plain
from sillage.access import Door, SignedIn
from sillage.aside import warm_up
from sillage.domain.ids import AccountId
from sillage.errors import NotFound, SillageError, TransientError
from sillage.i18n import language_of
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.accounts import Account
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.users import Membership

ASSETS = Path(__file__).parent / "assets"
PAGES = Path(__file__).parent / "app_pages"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Desk:
    """What a page works with: one installation, one account, one reader's words."""

    settings: Settings
    store: Store
    reader: Reader
    account: Account
    words: Words
    member: Membership | None = None
    """Who looks, as what they are in this account; None where a program looks."""

    @property
    def account_id(self) -> AccountId:
        """Whose rows are looked at: every query is scoped by it."""
        return self.account.id

    def now(self) -> datetime:
        """Business time."""
        return self.settings.clock.now()


def scope(desk: Desk) -> tuple[str, str, int, str]:
    """What tells one desk from another for a cache: the installation, the account and how it looks at it."""
    return desk.settings.database_url, str(desk.settings.data_dir), desk.account.id, desk.account.timezone


def _installation(settings: Settings) -> tuple[str, str]:
    return settings.database_url, str(settings.data_dir)


@st.cache_resource(show_spinner=False, hash_funcs={Settings: _installation})
def _open(settings: Settings) -> tuple[Store, Reader]:
    """One store and one reader for all who look: opening them costs more than asking them."""
    warm_up()
    return store_of(settings.database_url), Reader(settings, threads=1)


@cache
def store_of(url: str) -> Store:
    """The one store of this process, for its pages and for the guard before them."""
    store = Store(url)
    upgrade(store)
    return store


def language() -> str:
    """The reader's language: of the address (a link may say one), else the user's own."""
    asked = st.query_params.get("lang")
    return language_of(asked) if asked else str(st.session_state.get("language", "en"))


def installation() -> tuple[Settings, Store, Reader]:
    """Raises: BadInput where the settings are wrong."""
    settings = Settings.load()
    return settings, *_open(settings)


def door(settings: Settings, store: Store) -> Door:
    """The door that this installation's users came in by."""
    return Door(store, settings.secret.get_secret_value())


def signed_in() -> SignedIn | None:
    """Who looks, by the cookie of the browser: asked anew each time, so that a session that ended shows nothing more.

    A widget's callback runs before this is asked: it may change what the page holds, never what ops holds.
    """
    settings, store, _ = installation()
    found = door(settings, store).who(Cookies(settings).token(st.context.cookies))
    if found is not None:
        st.session_state["language"] = found.user.language
    return found


def chosen(found: SignedIn) -> Account | None:
    """The account that is looked at: the one of the address, else the last one, else the first; None: they have none.

    Only accounts that the user is a member of are there at all.

    Raises: NotFound.
    """
    slug = st.query_params.get("account") or st.session_state.get("account")
    known = [m.slug for m in found.memberships]
    if not known:
        return None
    if slug and slug not in known:
        st.session_state.pop("account", None)
        raise NotFound(f"no account {slug!r}")
    with installation()[1].read() as conn:
        account = accounts.by_slug(conn, slug or known[0])
    st.session_state["account"] = account.slug
    return account


def greet() -> tuple[Words, SignedIn | None]:
    """The reader's words, and who they are, before any page is drawn; what is wrong is said by the page."""
    found = None
    with suppress(SillageError):
        found = signed_in()
    return Words(language()), found


def show(draw: Callable[[Desk], None]) -> None:
    """Draw a page for who is signed in, whatever happens: no trace ever reaches it."""
    with boundary(Words(language())):
        settings, store, reader = installation()
        found = signed_in()
        words = Words(language())
        if found is None:
            signed_out(words)
            return
        try:
            account = chosen(found)
        except NotFound as exc:
            say(exc, words)
            for held in found.memberships:
                link(held.account_name, "home", icon=":material/home:", params={"account": held.slug})
            return
        if account is None:
            st.header(words.t("You are in no account"))
            st.write(words.t("Ask the owner of an account to invite you: Settings, Members."))
            return
        words = Words(language(), account.timezone)
        st.html(ASSETS / "figures.css")
        (membership,) = [m for m in found.memberships if m.account_id == account.id]
        with boundary(words):
            draw(Desk(settings, store, reader, account, words, membership))


def signed_out(words: Words) -> None:
    """What a page says whose session has ended, or that nobody signed in for."""
    st.warning(words.t("You are signed out."), icon=":material/lock:")
    # A link of markdown would open another window.
    st.html(f'<a href="/sign-in" target="_self" style="color:inherit">{words.t("Sign in")}</a>')


def live(draw: Callable[[Desk], None], desk: Desk, *, every: float | None = 1.0) -> None:
    """Draw a part that draws itself again each `every` seconds, and only itself; None: once."""

    def guarded() -> None:
        with boundary(desk.words):
            if (found := signed_in()) is None or desk.account_id not in {m.account_id for m in found.memberships}:
                signed_out(desk.words)
                return
            draw(desk)

    of = draw.func if isinstance(draw, partial) else draw
    guarded.__qualname__ = f"{of.__module__}.{of.__qualname__}"
    st.fragment(guarded, run_every=every)()


@contextmanager
def boundary(words: Words) -> Iterator[None]:
    """Say what happened and what to do; the trace goes to the log, under a number that the page names too."""
    try:
        yield
    except SillageError as exc:
        say(exc, words)
    except Exception:
        # The last fence before a person: whatever it is, they get words, and we get the trace.
        reference = uuid4().hex[:8]
        log.exception("page.failed", reference=reference)
        st.error(
            words.t(
                "This part of the page could not be drawn. Load it again; if it stays, look for %(reference)s in the"
                " log of the pages.",
                reference=reference,
            ),
            icon=":material/error:",
        )


def say(exc: SillageError, words: Words) -> None:
    """An error on purpose, as words: what kind it is in the reader's language, then what was said of the thing."""
    if isinstance(exc, TransientError):
        head, icon = words.t("Not now. It may work in a moment."), ":material/hourglass_top:"
    elif isinstance(exc, NotFound):
        head, icon = words.t("There is no such thing in this account."), ":material/search_off:"
    else:
        head, icon = words.t("That can't be done like this. Nothing was changed."), ":material/block:"
    st.error(f"{head}\n\n{plain(str(exc))}", icon=icon)


def link(label: str, page: str, *, icon: str | None = None, params: Mapping[str, str] | None = None) -> None:
    """A link to another page of ours that keeps language and account."""
    query = _kept(params)
    try:
        st.page_link(PAGES / f"{page}.py", label=label, icon=icon, query_params=query)
    except (StreamlitAPIException, KeyError):
        # Alone, without main.py around it, a page knows no other page.
        st.markdown(f"[{label}]({page}?{urlencode(query)})")


def go(label: str, page: str, params: Mapping[str, str] | None = None) -> None:
    """Leave for another page of ours, or link to it where there is nothing to leave for."""
    st.cache_data.clear()
    try:
        st.switch_page(PAGES / f"{page}.py", query_params=_kept(params))
    except (StreamlitAPIException, KeyError):
        link(label, page, params=params)


def _kept(params: Mapping[str, str] | None) -> dict[str, str]:
    kept = {key: st.query_params[key] for key in ("lang", "account") if key in st.query_params}
    return {**kept, **(params or {})}


def slot(height: int) -> DeltaGenerator:
    """A place that shows the shape of what comes until it is there."""
    place = st.empty()
    place.skeleton(height=height)
    return place


def as_of(desk: Desk, moment: datetime | None) -> None:
    """Say as of when the figures are, to the second."""
    st.caption(desk.words.t("as of %(moment)s", moment=desk.words.second(moment)))
