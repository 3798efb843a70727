"""Whether the links of a mail lead anywhere: each asked once, from here, when somebody wants to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from sillage.errors import BadInput, TransientError
from sillage.outward import ask

MAX_LINKS = 100
AT_ONCE = 6
TIMEOUT_S = 8.0


class LinkState(StrEnum):
    """What became of asking."""

    ALIVE = "alive"
    DEAD = "dead"
    UNSURE = "unsure"
    """The server answers, but not to us: it wants a sign-in, or takes us for a robot."""
    SILENT = "silent"
    REFUSED = "refused"
    """Its address may not be asked from here."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One link: its address, what became of it, and the status or the reason."""

    url: str
    state: LinkState
    said: str


def check_links(
    urls: Sequence[str], *, may_be_private: bool = False, tell: Callable[[int, int], None] | None = None
) -> list[Checked]:
    """Ask each address, some at once; `tell` hears how many of how many are done."""
    wanted = list(dict.fromkeys(urls))[:MAX_LINKS]
    found: dict[str, Checked] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {pool.submit(check_link, url, may_be_private=may_be_private): url for url in wanted}
        for number, done in enumerate(as_completed(waiting), 1):
            found[waiting[done]] = done.result()
            if tell is not None:
                tell(number, len(wanted))
    return [found[url] for url in wanted]


def check_link(url: str, *, may_be_private: bool = False) -> Checked:
    """One address: by HEAD, and by GET where a server knows no HEAD."""
    try:
        status = 0
        for method in ("HEAD", "GET"):
            status = ask(url, what="link", most=1024, method=method, may_be_private=may_be_private,
                         timeout=TIMEOUT_S).status  # fmt: skip
            if status < HTTPStatus.BAD_REQUEST:
                break
    except TransientError as exc:
        return Checked(url, LinkState.SILENT, str(exc))
    except BadInput as exc:
        return Checked(url, LinkState.REFUSED, str(exc))
    return Checked(url, _state(status), str(status))


def _state(status: int) -> LinkState:
    if status < HTTPStatus.BAD_REQUEST:
        return LinkState.ALIVE
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
        return LinkState.UNSURE
    return LinkState.DEAD if status < HTTPStatus.INTERNAL_SERVER_ERROR else LinkState.SILENT
