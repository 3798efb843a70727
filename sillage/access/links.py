"""One-time links: the owner's first, invitations, a lost password."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime

import sqlalchemy as sa
import structlog

from sillage.access import passwords
from sillage.access.door import Door, Outcome, normalised, token_hash
from sillage.domain.ids import AccountId
from sillage.domain.sign_in import LINK_LIFE, MAX_NAME, LinkPurpose, Role
from sillage.errors import BadInput, NotFound, Refused
from sillage.i18n import language_of
from sillage.settings import Settings
from sillage.store import accounts, sessions, users
from sillage.store.database import Store
from sillage.store.sessions import OneTimeLink

log = structlog.get_logger()

_PATHS = {LinkPurpose.SET_UP: "set-up", LinkPurpose.INVITATION: "invitation", LinkPurpose.PASSWORD: "password"}


class Links:
    """Makes links and follows them."""

    def __init__(self, store: Store, settings: Settings, door: Door) -> None:
        self._store = store
        self._settings = settings
        self._door = door

    def set_up(self) -> str | None:
        """The link by which the first owner comes in; None where there is somebody already."""
        with self._store.write() as conn:
            return None if users.are_there(conn) else self._make(conn, LinkPurpose.SET_UP)

    def invite(self, account_id: AccountId, email: str, role: Role) -> str:
        """A link that lets somebody into an account; an older one for the same address no longer works.

        Raises: BadInput where the address is none, or its user is in already.
        """
        who = normalised(email)
        with self._store.write() as conn:
            if any(m.email == who for m in users.members_of(conn, account_id)):
                raise BadInput(f"{who} is in this account already", code="is_member", field="email")
            return self._make(conn, LinkPurpose.INVITATION, account_id=account_id, email=who, role=role)

    def new_password(self, email: str) -> str:
        """A link by which a user who lost the password chooses another.

        Raises: NotFound.
        """
        with self._store.write() as conn:
            user = users.by_email(conn, normalised(email))
            if user is None:
                raise NotFound(f"no user {email}; `sillage user list` shows them")
            return self._make(conn, LinkPurpose.PASSWORD, user_id=user.id)

    def open_link(self, purpose: LinkPurpose, token: str) -> OneTimeLink | None:
        """The link of a token, if it can still be followed for this purpose; looking does not use it up."""
        with self._store.read() as conn:
            found = sessions.link(conn, token_hash(token))
            if found is None or found.purpose is not purpose or not found.is_open(self._door.now()):
                return None
            if purpose is LinkPurpose.SET_UP and users.are_there(conn):
                return None
            return found

    def needs_account(self) -> bool:
        """Whether whoever sets up makes the first account, too."""
        with self._store.read() as conn:
            return not users.accounts_without_owner(conn)

    def has_user(self, link: OneTimeLink) -> bool:
        """Whether the address of an invitation signs in already: then its own password proves who follows it."""
        with self._store.read() as conn:
            return users.by_email(conn, link.email) is not None

    def follow_set_up(
        self, token: str, *, email: str, name: str, password: str, language: str, account_name: str = ""
    ) -> str:  # fmt: skip
        """Make the owner, and the first account where there is none; the token of their session.

        Raises: BadInput; Refused where the link is used up.
        """
        who = normalised(email)
        kept = passwords.hashed(passwords.checked_password(password, email=who))
        called = _name(name)
        with self._store.write() as conn:
            self._use(conn, LinkPurpose.SET_UP, token)
            if users.are_there(conn):
                raise Refused("somebody owns this installation already; ask them to invite you")
            now = self._door.now()
            owned = users.accounts_without_owner(conn) or [self._first_account(conn, account_name, language, now)]
            user = users.add(conn, email=who, name=called, language=language, password_hash=kept, now=now)
            for account_id in owned:
                users.join(conn, account_id, user.id, Role.OWNER, now=now)
            session = self._door.open(conn, user.id)
        log.info("owner.made", user_id=user.id, accounts=len(owned))
        return session

    def follow_invitation(self, token: str, *, name: str, password: str, language: str, address: str = "") -> str:
        """Let an invited person in, with a user of their own or, where they have one, with its password.

        Raises: BadInput where the password is wrong or won't do; Refused where the link is used up.
        """
        found = self.open_link(LinkPurpose.INVITATION, token)
        if found is None or found.account_id is None:
            raise Refused("this invitation is used up")
        with self._store.read() as conn:
            user = users.by_email(conn, found.email)
        if user is not None:
            # As at the sign-in page: waits, and the same time for a wrong password.
            answer = self._door.sign_in(found.email, password, address=address)
            if answer.outcome is not Outcome.IN:
                code = "wait" if answer.outcome is Outcome.WAIT else "wrong_password"
                raise BadInput("the password is another one, or it was tried too often", code=code, field="password")
            session, kept = answer.token, ""
        else:
            session, kept = "", passwords.hashed(passwords.checked_password(password, email=found.email))
        with self._store.write() as conn:
            self._use(conn, LinkPurpose.INVITATION, token)
            now = self._door.now()
            if user is None:
                user = users.add(
                    conn, email=found.email, name=_name(name), language=language, password_hash=kept, now=now
                )
            users.join(conn, found.account_id, user.id, found.role or Role.MEMBER, now=now)
            session = session or self._door.open(conn, user.id)
        log.info("invitation.followed", user_id=user.id, account_id=found.account_id)
        return session

    def follow_password(self, token: str, *, password: str) -> str:
        """Another password for who lost theirs; all their sessions end.

        Raises: BadInput; Refused where the link is used up.
        """
        found = self.open_link(LinkPurpose.PASSWORD, token)
        if found is None or found.user_id is None:
            raise Refused("this link is used up")
        with self._store.read() as conn:
            user = users.by_id(conn, found.user_id)
        kept = passwords.hashed(passwords.checked_password(password, email=user.email))
        with self._store.write() as conn:
            self._use(conn, LinkPurpose.PASSWORD, token)
            users.set_password(conn, user.id, kept, now=self._door.now())
            sessions.end_all(conn, user.id)
            session = self._door.open(conn, user.id)
        log.info("password.renewed", user_id=user.id)
        return session

    def _make(
        self, conn: sa.Connection, purpose: LinkPurpose, *, account_id: AccountId | None = None,
        user_id: int | None = None, email: str = "", role: Role | None = None,
    ) -> str:  # fmt: skip
        token, now = secrets.token_urlsafe(32), self._door.now()
        sessions.add_link(
            conn, token_hash(token), purpose, now=now, expires_at=now + LINK_LIFE[purpose], account_id=account_id,
            user_id=user_id, email=email, role=role,
        )  # fmt: skip
        return f"{self._settings.pages_url}/{_PATHS[purpose]}/{token}"

    def _use(self, conn: sa.Connection, purpose: LinkPurpose, token: str) -> None:
        found = sessions.link(conn, token_hash(token))
        if found is None or found.purpose is not purpose:
            raise Refused("this link leads nowhere")
        if not sessions.use_link(conn, token_hash(token), now=self._door.now()):
            raise Refused("this link is used up; ask for a new one")

    def _first_account(self, conn: sa.Connection, name: str, language: str, now: datetime) -> AccountId:
        if not name.strip():
            raise BadInput("the account has no name: give it one", code="no_name", field="account_name")
        made = accounts.create(conn, slug_of(name), _name(name), created_at=now, locale=language_of(language))
        return made.id


def slug_of(name: str) -> str:
    """A short name for addresses: letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "account"


def _name(text: str) -> str:
    """Raises: BadInput where it is empty, too long, or holds a control character."""
    name = " ".join(text.split())
    if not name or len(name) > MAX_NAME or any(unicodedata.category(sign) == "Cc" for sign in name):
        raise BadInput(f"a name has 1 to {MAX_NAME} characters", code="no_name", field="name")
    return name
