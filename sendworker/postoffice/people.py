"""The people: who has which mailbox, and what each does with a mail.

A CSV file says so, one row for each address; every column but `email` may be missing. What a column that is missing
would have said is either nothing at all, or drawn by the seeded model (`sendworker.postoffice.model`).
"""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

ANY_LINK = 0
"""Stands in `clicks` for one link of the mail, by seeded choice."""
MAX_REPLAYS = 1_000
MAX_DEFERRALS = 1_000


class BadPeople(ValueError):
    """The people file can't be read; the message names the file, the line and the column."""


class Stage(StrEnum):
    """Where a bounce comes: at RCPT, after DATA, or later as a report by mail."""

    SESSION = "session"
    DATA = "data"
    MAIL = "mail"


class Unsubscribes(StrEnum):
    """By which way a person unsubscribes."""

    ONE_CLICK = "one_click"
    MAILTO = "mailto"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail that this mailbox does not take: `code` is SMTP's, `status` RFC 3463's, empty where not said."""

    stage: Stage
    code: int
    status: str
    text: str

    @property
    def reply(self) -> str:
        """The line that the server answers, or would have."""
        return " ".join(filter(None, (str(self.code), self.status, self.text)))


@dataclass(frozen=True, slots=True)
class Person:
    """What one person does with a mail. The defaults are somebody who takes it and does nothing."""

    opens: bool = False
    clicks: tuple[int, ...] = ()
    bounce: Bounce | None = None
    defer: int = 0
    defer_reply: str | None = None
    complains: bool = False
    unsubscribes: Unsubscribes | None = None
    scanner: bool = False
    preload: bool = False
    replays: int = 0
    agent: str | None = None
    ip: str | None = None
    agreed: bool = True
    """Agreed to tracking: not looked at to act, only to count."""
    variant: str | None = None

    @property
    def acts(self) -> bool:
        """Whether anything follows after the mail was taken."""
        by_mail = self.bounce is not None and self.bounce.stage is Stage.MAIL
        return bool(
            self.opens or self.clicks or self.complains or self.unsubscribes or self.scanner or self.preload or by_mail
        )


NOBODY = Person()


@dataclass(frozen=True, slots=True)
class People:
    """Everybody that the file names, by address in lower case; `columns` are those that it has."""

    known: dict[str, Person]
    columns: frozenset[str] = frozenset()

    def get(self, address: str) -> Person | None:
        """The person of an address, None where the file does not name them."""
        return self.known.get(address.lower())

    def agreed(self, address: str) -> bool:
        """Whether a person agreed to tracking; who is not in the file did."""
        return self.known.get(address.lower(), NOBODY).agreed


def read_people(path: Path) -> People:
    """Read a people file: UTF-8, comma-separated, with a header. Columns that we do not know are passed over.

    Raises: BadPeople.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return _read(path, csv.reader(lines, strict=True))
    except OSError as exc:
        raise BadPeople(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise BadPeople(f"{path}: not UTF-8 at octet {exc.start}; save it as UTF-8") from exc


def _read(path: Path, rows: Any) -> People:
    known: dict[str, Person] = {}
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        if "email" not in header:
            raise BadPeople(f"{path}: no column `email` in its first line")
        if len(set(header)) != len(header):
            raise BadPeople(f"{path}: two columns have one name")
        for row in rows:
            if not any(row):
                continue
            where = f"{path}, line {rows.line_num}"
            if len(row) != len(header):
                raise BadPeople(f"{where}: {len(row)} cells, {len(header)} columns")
            cells = dict(zip(header, map(str.strip, row), strict=True))
            address = _address(where, cells["email"])
            if address in known:
                raise BadPeople(f"{where}: column `email`: the address stands in the file twice")
            known[address] = _person(where, cells)
    except csv.Error as exc:
        raise BadPeople(f"{path}, line {rows.line_num}: {exc}") from exc
    return People(known, frozenset(header))


def _person(where: str, cells: dict[str, str]) -> Person:
    said: dict[str, Any] = {}
    for column, (field, read) in _COLUMNS.items():
        if column not in cells:
            continue
        try:
            value = read(cells[column])
        except ValueError as exc:
            raise BadPeople(f"{where}: column `{column}`: {cells[column]!r} is not {exc}") from exc
        if isinstance(field, tuple):
            said.update(zip(field, value, strict=True))
        else:
            said[field] = value
    return Person(**said)


def _address(where: str, cell: str) -> str:
    if not re.fullmatch(r"[^@\s\x00-\x1f\x7f<>]+@[^@\s\x00-\x1f\x7f<>]+", cell):
        raise BadPeople(f"{where}: column `email`: {cell!r} is not an address")
    return cell.lower()


def _yes(cell: str) -> bool:
    word = cell.lower()
    if word in {"1", "yes", "true", "y", "oui"}:
        return True
    if word in {"", "0", "no", "false", "n", "non"}:
        return False
    raise ValueError("1 or 0")


def _clicks(cell: str) -> tuple[int, ...]:
    if cell.lower() == "any":
        return (ANY_LINK,)
    if not re.fullmatch(r"|[1-9]\d{0,5}(\s*;\s*[1-9]\d{0,5})*", cell):
        raise ValueError("link positions such as 1;3, or any")
    return tuple(map(int, cell.split(";"))) if cell else ()


_REFUSAL = re.compile(r"(session|data):(5\d\d)(?: (5\.\d{1,3}\.\d{1,3}))?(?: ([\x20-\x7e]*))?")
_RETURNED = re.compile(r"mail:([45]\.\d{1,3}\.\d{1,3})(?: ([\x20-\x7e]*))?")
# The code that goes with a status where only the status is said: RFC 5248's registry.
_CODES = {
    "5.1.1": 550,
    "5.1.2": 550,
    "5.2.1": 550,
    "5.2.2": 552,
    "5.2.3": 552,
    "5.3.4": 552,
    "5.7.1": 554,
    "4.4.7": 451,
}
_REJECTED = 550
_GIVEN_UP = 451


def _bounce(cell: str) -> Bounce | None:
    if not cell:
        return None
    if refusal := _REFUSAL.fullmatch(cell):
        stage, code, status, text = refusal.groups(default="")
        return Bounce(Stage(stage), int(code), status, text)
    if returned := _RETURNED.fullmatch(cell):
        status, text = returned.groups(default="")
        return Bounce(Stage.MAIL, _CODES.get(status, _REJECTED if status[0] == "5" else _GIVEN_UP), status, text)
    raise ValueError("session:550 5.1.1 text, data:554 5.7.1 text or mail:5.2.2 text")


def _defer(cell: str) -> tuple[int, str | None]:
    found = re.fullmatch(r"(\d{0,4})(?::(4\d\d [\x20-\x7e]+))?", cell)
    if found is None or int(found[1] or 0) > MAX_DEFERRALS:
        raise ValueError("a number of times, or times:451 4.7.1 text")
    return int(found[1] or 0), found[2]


def _unsubscribes(cell: str) -> Unsubscribes | None:
    if not cell:
        return None
    try:
        return Unsubscribes(cell.lower())
    except ValueError:
        raise ValueError(" or ".join(Unsubscribes)) from None


def _replays(cell: str) -> int:
    if not re.fullmatch(r"\d{0,4}", cell) or int(cell or 0) > MAX_REPLAYS:
        raise ValueError(f"a number up to {MAX_REPLAYS}")
    return int(cell or 0)


def _agent(cell: str) -> str | None:
    if not re.fullmatch(r"[\x20-\x7e]*", cell):
        raise ValueError("printable ASCII")
    return cell or None


def _ip(cell: str) -> str | None:
    try:
        return str(ipaddress.ip_address(cell)) if cell else None
    except ValueError:
        raise ValueError("an IP address") from None


_COLUMNS: dict[str, tuple[str | tuple[str, str], Callable[[str], Any]]] = {
    "opens": ("opens", _yes),
    "clicks": ("clicks", _clicks),
    "bounce": ("bounce", _bounce),
    "defer": (("defer", "defer_reply"), _defer),
    "complains": ("complains", _yes),
    "unsubscribes": ("unsubscribes", _unsubscribes),
    "scanner": ("scanner", _yes),
    "preload": ("preload", _yes),
    "replays": ("replays", _replays),
    "agent": ("agent", _agent),
    "ip": ("ip", _ip),
    "tracking_consent": ("agreed", _yes),
    "variant": ("variant", lambda cell: cell or None),
}
