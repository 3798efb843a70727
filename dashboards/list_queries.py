"""What the page of lists asks: a page of people at a time, never all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Any

from dashboards.freshness import CALM_S, DETAILS_S, cached
from dashboards.shell import Desk
from sillage.domain.ids import AccountId
from sillage.errors import NotFound
from sillage.lake import recipients
from sillage.lake.recipients import ListName, Wanted
from sillage.store import campaigns, contacts, fields, people
from sillage.store.campaigns import Campaign

Row = dict[str, Any]
A_PAGE = 50
SHORT_LIST = 20_000
"""A list of so many people is searched itself; of a longer one, all contacts are, which takes a million 0.7 s."""
MOST_FOUND = 5_000
"""People of such a search that are looked for on a long list; above it one has to say more."""
WHO = ("email", "first_name", "last_name")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, with how long the list is, and as of when."""

    as_of: datetime
    rows: list[Row]
    size: int
    is_cut: bool


@cached(CALM_S)
def campaign(desk: Desk, campaign_id: int) -> Campaign:
    """Raises: NotFound."""
    with desk.store.read() as conn:
        return campaigns.get(conn, desk.account_id, campaign_id)  # type: ignore[arg-type]  # a number from the address


@cached(DETAILS_S)
def page(desk: Desk, wanted: Wanted, search: str, number: int) -> Page:
    """People of a list, by number, of a search where there is one; a list of a campaign without events has nobody.

    Beyond the last page is the last page: a search may leave fewer of them than somebody has turned over.

    Raises: NotFound for a campaign of another account.
    """
    now = desk.now()
    campaign(desk, wanted.campaign_id)
    is_cut, size = False, None
    try:
        if search.strip():
            among, is_cut, size = _found(desk, wanted, search)
            wanted = replace(wanted, among=among)
        if size is None:
            size = recipients.size(desk.reader, desk.account_id, wanted)
        last = max(0, ceil(size / A_PAGE) - 1)
        frame = recipients.people(desk.reader, desk.account_id, wanted, limit=A_PAGE, offset=A_PAGE * min(number, last))
    except NotFound:
        return Page(now, [], 0, is_cut)
    rows = frame.to_dicts()
    with desk.store.read() as conn:
        known = contacts.fields_of(conn, AccountId(desk.account_id), [row["contact_id"] for row in rows], WHO)
    who = {contact: dict(zip(WHO, values, strict=True)) for contact, *values in known}
    nobody = dict.fromkeys(WHO)
    return Page(now, [{**row, **who.get(row["contact_id"], nobody)} for row in rows], size, is_cut)


def _found(desk: Desk, wanted: Wanted, search: str) -> tuple[tuple[int, ...], bool, int | None]:
    """Whom a search finds, at least of the list; whether there are more; how many of them are on it, where known.

    Raises: NotFound before the campaign's first event.
    """
    listed = recipients.people(desk.reader, desk.account_id, wanted, limit=SHORT_LIST + 1)["contact_id"]
    with desk.store.read() as conn:
        if len(listed) <= SHORT_LIST:
            fitting = people.search_among(conn, desk.account_id, search, listed.to_list())
            return tuple(fitting), False, len(fitting)
        found = people.search_ids(conn, desk.account_id, search, limit=MOST_FOUND + 1)
    return tuple(found[:MOST_FOUND]), len(found) > MOST_FOUND, None


@cached(DETAILS_S)
def reasons(desk: Desk, wanted: Wanted) -> list[Row]:
    """How many people a list has by class and reason."""
    try:
        return recipients.reasons(desk.reader, desk.account_id, wanted)
    except NotFound:
        return []


@cached(CALM_S)
def field_names(desk: Desk) -> list[str]:
    """The custom fields of the account's contacts."""
    with desk.store.read() as conn:
        return sorted(fields.types(conn, desk.account_id))


def ids(desk: Desk, wanted: Wanted) -> list[int]:
    """Everybody on a list, by number.

    Raises: NotFound, TransientError.
    """
    found = recipients.people(desk.reader, desk.account_id, wanted)["contact_id"]
    return [int(contact) for contact in found]


HAS_REASONS = frozenset({ListName.BOUNCED, ListName.IN_DOUBT, ListName.SUPPRESSED, ListName.SKIPPED, ListName.FAILED})
