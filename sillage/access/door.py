"""The door: an address and a password become a session; a cookie becomes a user and the accounts that they work in.

Sessions, links and waits run on wall time: a demo's fast clock would sign people out within minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
import structlog

from sillage.access import passwords
from sillage.clock import Clock
from sillage.domain.contact import EmailAddress
from sillage.domain.sign_in import (
    FREE_BY_NETWORK,
    FREE_BY_PERSON,
    SEEN_EVERY,
    SESSION_LIFE,
    is_live,
    network_of,
    wait_after,
)
from sillage.errors import BadInput
from sillage.store import sessions, users
from sillage.store.database import Store
from sillage.store.users import Membership, User
from sillage.tokens import derive_key

log = structlog.get_logger()


class Outcome(StrEnum):
    """What came of a try to sign in."""

    IN = "in"
    WRONG = "wrong"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a try came to: a new session's token, or how long to wait. Unknown and wrong are one."""

    outcome: Outcome
    token: str = ""
    device: str = ""
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who looks, and what they may look at."""

    user: User
    memberships: tuple[Membership, ...]


def token_hash(token: str) -> bytes:
    """What is kept of a secret of 256 random bits: nobody can guess it back, so no slow hash is needed."""
    return hashlib.blake2b(token.encode("utf-8", "surrogateescape"), digest_size=32).digest()


def normalised(email: str) -> str:
    """An address as users are told apart by it: case does not matter.

    Raises: BadInput.
    """
    return str(EmailAddress.parse(email)).lower()


class Door:
    """One installation's door."""

    def __init__(self, store: Store, secret: str, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or Clock()
        self._key = derive_key(secret, "sign-in")

    def now(self) -> datetime:
        """Wall time."""
        return self._clock.now()

    def sign_in(self, email: str, password: str, *, address: str, device: str = "", old: str = "") -> Answer:
        """Try an address and a password from a network address.

        `device` is the mark of a browser that has signed in before: it is counted by itself, so that strangers who
        try a person's address can't keep that person out. `old` is the session to end: signing in makes a new one.
        """
        try:
            who = normalised(email)
        except BadInput:
            who = email.strip().casefold()[:320]
        known = device if self._is_device(device, who) else ""
        person, network = self._trial("person", who, known), self._trial("network", network_of(address))
        now = self.now()
        with self._store.write() as conn:
            wait = max(self._wait(conn, person, FREE_BY_PERSON, now), self._wait(conn, network, FREE_BY_NETWORK, now))
            if wait > timedelta(0):
                log.info("sign_in.slowed", wait_s=round(wait.total_seconds()))
                return Answer(Outcome.WAIT, wait=wait)
            for key in (person, network):
                sessions.note_try(conn, key, now=now)
            user = users.by_email(conn, who)
        if not passwords.is_right(user.password_hash if user else None, password) or user is None:
            log.info("sign_in.refused")
            return Answer(Outcome.WRONG)
        token, now = secrets.token_urlsafe(32), self.now()
        renewed = passwords.hashed(password) if passwords.is_dated(user.password_hash) else None
        with self._store.write() as conn:
            held = users.by_id(conn, user.id)
            if held.password_hash != user.password_hash:
                # It was changed while this one was looked at: the old one opens nothing any more.
                return Answer(Outcome.WRONG)
            if renewed:
                users.set_password(conn, user.id, renewed, now=now)
            # What strangers tried from this network stays counted; what this person mistyped does not.
            sessions.forget_tries(conn, [person])
            self._begin(conn, token, user.id, old, now)
        log.info("sign_in.done", user_id=user.id)
        return Answer(Outcome.IN, token, self._device(who))

    def open(self, conn: sa.Connection, user_id: int, *, old: str = "") -> str:
        """A new session for a user who has proved themselves by a link, in the caller's transaction; its token."""
        token = secrets.token_urlsafe(32)
        self._begin(conn, token, user_id, old, self.now())
        return token

    def device_of(self, email: str) -> str:
        """The mark of a browser that this person has signed in with."""
        return self._device(email)

    def who(self, token: str) -> SignedIn | None:
        """Who a cookie stands for; None where it is unknown, over, or was left alone for too long."""
        if not token:
            return None
        key, now = token_hash(token), self.now()
        with self._store.read() as conn:
            held = sessions.find(conn, key)
            if held is None or not is_live(now=now, seen_at=held.seen_at, expires_at=held.expires_at):
                return None
            return SignedIn(users.by_id(conn, held.user_id), tuple(users.accounts_of(conn, held.user_id)))

    def is_in(self, token: str) -> bool:
        """Whether a cookie still holds: what is asked at each request, in one look."""
        if not token:
            return False
        now = self.now()
        with self._store.read() as conn:
            held = sessions.find(conn, token_hash(token))
        return held is not None and is_live(now=now, seen_at=held.seen_at, expires_at=held.expires_at)

    def touch(self, token: str) -> None:
        """Note that somebody is there, now and then: a session that is used does not end by idling."""
        key, now = token_hash(token), self.now()
        with self._store.read() as conn:
            held = sessions.find(conn, key)
        if (
            held is not None
            and now - held.seen_at >= SEEN_EVERY
            and is_live(now=now, seen_at=held.seen_at, expires_at=held.expires_at)
        ):
            with self._store.write() as conn:
                sessions.seen(conn, key, now=now)

    def sign_out(self, token: str) -> None:
        """End this browser's session."""
        with self._store.write() as conn:
            sessions.end(conn, token_hash(token))

    def change_password(self, token: str, old: str, new: str, *, address: str) -> str:
        """Another password for who is signed in; all their sessions end, and this browser gets a new one.

        Raises: BadInput where the old one is wrong, the new one won't do, or there were too many tries.
        """
        signed_in = self.who(token)
        if signed_in is None:
            raise BadInput("you are no longer signed in; sign in again", code="signed_out")
        user, now = signed_in.user, self.now()
        person, network = self._trial("change", str(user.id)), self._trial("network", network_of(address))
        passwords.checked_password(new, email=user.email)
        with self._store.write() as conn:
            if max(self._wait(conn, person, FREE_BY_PERSON, now), self._wait(conn, network, FREE_BY_NETWORK, now)):
                raise BadInput("too many tries; wait some minutes", code="wait")
            for key in (person, network):
                sessions.note_try(conn, key, now=now)
        if not passwords.is_right(user.password_hash, old):
            raise BadInput("the present password is another one", code="wrong_password", field="old")
        kept = passwords.hashed(new)
        with self._store.write() as conn:
            users.set_password(conn, user.id, kept, now=self.now())
            sessions.end_all(conn, user.id)
            sessions.forget_tries(conn, [person])
            renewed = self.open(conn, user.id)
        log.info("password.changed", user_id=user.id)
        return renewed

    def _begin(self, conn: sa.Connection, token: str, user_id: int, old: str, now: datetime) -> None:
        if old:
            sessions.end(conn, token_hash(old))
        sessions.begin(conn, token_hash(token), user_id, now=now, expires_at=now + SESSION_LIFE)

    @staticmethod
    def _wait(conn: sa.Connection, key: bytes, free: int, now: datetime) -> timedelta:
        count, last = sessions.tries(conn, key, now=now)
        return timedelta(0) if last is None else max(timedelta(0), last + wait_after(count, free) - now)

    def _trial(self, *what: str) -> bytes:
        return self._mac("\x00".join(("try", *what)))

    def _device(self, who: str) -> str:
        nonce = secrets.token_urlsafe(12)
        return f"{nonce}.{self._mac(f'device{nonce}{who}').hex()}"

    def _is_device(self, device: str, who: str) -> bool:
        nonce, _, mac = device.partition(".")
        return bool(nonce) and hmac.compare_digest(
            mac.encode("utf-8", "replace"), self._mac(f"device{nonce}{who}").hex().encode()
        )

    def _mac(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=16).digest()
