"""Passwords as argon2id, with the parameters that RFC 9106 names second (64 MiB, three passes)."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from sillage.domain.sign_in import MAX_PASSWORD, MIN_PASSWORD, fault_of_password
from sillage.errors import BadInput

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# Each takes 64 MiB and a core for some 0.1 s: a flood of tries waits here instead of taking the machine.
_AT_ONCE = threading.BoundedSemaphore(2)
NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$qK/tPoiQ6AFWqWdPH/fViw$z8jUYSvVNdNLrdU6xSOttrgVqmGFOzDu6WrFqjK4ork"
"""The hash of 256 bits that were thrown away: what is compared where there is no such user."""

_FAULTS = {
    "too_short": f"the password is too short: {MIN_PASSWORD} characters or more, such as four or five words",
    "too_long": f"the password is too long: {MAX_PASSWORD} characters are the most",
    "is_address": "the password is your address: choose another one",
    "too_plain": "the password repeats a few characters: choose another one",
}


def hashed(password: str) -> str:
    """What is kept of a password."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def is_right(kept: str | None, password: str) -> bool:
    """Whether a password is the one that was kept. Nobody's (None) is as slow to refuse as somebody's."""
    if len(password) > MAX_PASSWORD:
        password = ""
    with _AT_ONCE:
        try:
            return _HASHER.verify(kept if kept is not None else NOBODYS, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_dated(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(kept)


def checked_password(password: str, *, email: str) -> str:
    """The password, if it will do.

    Raises: BadInput that says what is wrong with it; its `code` is the fault.
    """
    fault = fault_of_password(password, email=email)
    if fault is not None:
        raise BadInput(_FAULTS[fault], code=fault, field="password")
    return password
