"""The errors that Sillage raises on purpose.

SillageError
├── PermanentError      asking again changes nothing: bad input, a broken rule, a refused act
│   ├── BadInput        a file, row or field that a person has to put right
│   ├── NotFound        no such thing in this account
│   └── Refused         the state of the thing forbids it
└── TransientError      asking again may help: a lock, a server that is down, a full disk
"""

from __future__ import annotations

from functools import partial
from typing import Any


class SillageError(Exception):
    """Any error that a user may be shown as one line."""


class PermanentError(SillageError):
    """Trying again changes nothing."""


class BadInput(PermanentError):
    """Input that a person has to put right. `code` is stable; the message names the thing and the mend."""

    def __init__(self, message: str, *, code: str, row: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.row = row
        self.field = field

    def __reduce__(self) -> tuple[Any, ...]:
        """Whole again on the other side of a process; what is only by name is not among an exception's arguments."""
        return partial(BadInput, code=self.code, row=self.row, field=self.field), self.args


class NotFound(PermanentError):
    """No such thing in this account (the same words whether it is unknown or another account's)."""


class Refused(PermanentError):
    """The thing exists, but its state forbids the act."""


class TransientError(SillageError):
    """Trying again later may help."""
