"""What people did on the site or in the shop, out of a file: purchases and pages seen, brought to contacts by id.

A JSON object a line, or CSV with a header; the same fields in both:

event     converted (if left out) or page_viewed
email     the contact's address, or `contact`, its number
at        when: ISO 8601 (UTC where no zone is said) or seconds since 1970
id        the order's or visit's own number: the same one again is the same event
amount    of a conversion: money, at most two decimals; left out: a conversion without money
currency  the account's; another one is refused
campaign  name or number of the campaign that it is put down to, whatever was clicked
page      of page_viewed: the address, whose query is cut off
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from sillage.domain.consent import Channel
from sillage.domain.contact import EmailAddress
from sillage.domain.ids import AccountId, CampaignId, ContactId
from sillage.errors import BadInput
from sillage.lake.event import Event, EventType, event_id
from sillage.store import campaigns, contacts, outbox, renewals
from sillage.store.accounts import Account
from sillage.store.database import Store

FIELDS = ("event", "email", "contact", "at", "id", "amount", "currency", "campaign", "page")
CHUNK = 2_000
SHOWN = 10
_TYPES = {"converted": EventType.CONVERTED, "page_viewed": EventType.PAGE_VIEWED}
_CENT = Decimal("0.01")
_MOST = Decimal("1e12")
_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SiteEvent:
    """A line, checked."""

    line: int
    type: EventType
    email: str | None
    contact: int | None
    at: datetime
    key: str | None
    amount: Decimal | None
    campaign: str | None
    page: str | None


@dataclass(slots=True)
class Imported:
    """What became of a file."""

    events: int = 0
    unknown: list[int] = field(default_factory=list)
    """Lines whose person is no contact."""
    amount: Decimal = Decimal(0)


def read(path: Path, account: Account, *, now: datetime) -> list[SiteEvent]:
    """All lines of a file.

    Raises: BadInput that names the line and the field; then nothing of the file is taken.
    """
    found = []
    for line, row in _rows(path):
        try:
            found.append(_event(line, row, account, now))
        except BadInput as exc:
            raise BadInput(f"{path}, line {line}: {exc}", code=exc.code, field=exc.field, row=line) from exc
    return found


def bring(store: Store, account: Account, events: Sequence[SiteEvent], *, now: datetime) -> Imported:
    """Put a file's events on their way to the lake, in chunks. The same file again brings the same events: no more.

    Raises: BadInput where a campaign is named that the account does not have; then nothing is taken.
    """
    with store.read() as conn:
        known = _campaigns(conn, account.id, events)
    done = Imported()
    for start in range(0, len(events), CHUNK):
        chunk = events[start : start + CHUNK]
        with store.write() as conn:
            people = _people(conn, account.id, chunk)
            told = [(people[e.line], e) for e in chunk if e.line in people]
            outbox.record(conn, [_told(account.id, contact, e, known, now) for contact, e in told])
            _renew(conn, account.id, told, now)
        done.events += len(told)
        done.amount += sum((e.amount or Decimal(0) for _, e in told), Decimal(0))
        done.unknown += [e.line for e in chunk if e.line not in people]
    return done


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            if path.suffix.lower() == ".csv":
                reader = csv.DictReader(text, strict=True)
                foreign = [name for name in reader.fieldnames or [] if name not in FIELDS]
                if foreign:
                    raise BadInput(
                        f"{path}: no column {foreign[0]!r} is known; it may have {', '.join(FIELDS)}", code="bad_column"
                    )
                for row in reader:
                    yield reader.line_num, {k: v for k, v in row.items() if v not in (None, "")}
                return
            for number, line in enumerate(text, 1):
                if line.strip():
                    yield number, _object(line, path, number)
    except OSError as exc:
        raise BadInput(f"{path} can't be read: {exc.strerror}", code="no_file") from exc
    except UnicodeDecodeError as exc:
        raise BadInput(f"{path} is not UTF-8: {exc}", code="bad_encoding") from exc
    except csv.Error as exc:
        raise BadInput(f"{path} is no CSV: {exc}", code="not_a_table") from exc


def _object(line: str, path: Path, number: int) -> Mapping[str, Any]:
    try:
        # Money as it is written: 19.99 read as a float is not 19.99.
        found = json.loads(line, parse_float=Decimal)
    except ValueError as exc:
        raise BadInput(f"{path}, line {number}: {exc}; write a JSON object", code="bad_line", row=number) from exc
    foreign = [name for name in found if name not in FIELDS] if isinstance(found, dict) else ["a list or a value"]
    if foreign:
        raise BadInput(
            f"{path}, line {number}: {foreign[0]!r} is not known; write an object with {', '.join(FIELDS)}",
            code="bad_line", row=number,
        )  # fmt: skip
    return {k: v for k, v in found.items() if v is not None and v != ""}


def _event(line: int, row: Mapping[str, Any], account: Account, now: datetime) -> SiteEvent:
    kind = _TYPES.get(str(row.get("event", "converted")))
    if kind is None:
        raise BadInput(f"event is {row['event']!r}; it is one of {', '.join(_TYPES)}", code="bad_event", field="event")
    email = EmailAddress.parse(str(row["email"])).identity if "email" in row else None
    contact = _number(row.get("contact"))
    if (email is None) == (contact is None):
        raise BadInput("it needs email or contact, one of the two", code="no_contact", field="email")
    currency = str(row.get("currency", account.currency))
    if currency != account.currency:
        raise BadInput(
            f"currency is {currency!r}, and the account counts in {account.currency}; convert it first, or set the"
            " account's with `sillage account attribution`", code="other_currency", field="currency",
        )  # fmt: skip
    key = str(row["id"]) if "id" in row else None
    campaign = str(row["campaign"]) if "campaign" in row else None
    page = _page(row.get("page")) if kind is EventType.PAGE_VIEWED else None
    amount = _amount(row.get("amount")) if kind is EventType.CONVERTED else None
    return SiteEvent(line, kind, email, contact, _moment(row.get("at"), now), key, amount, campaign, page)


def _number(value: Any) -> int | None:
    if value is None:
        return None
    if not str(value).isdecimal():
        raise BadInput(f"contact is {value!r}; it is a number", code="bad_contact", field="contact")
    return int(value)


def _amount(value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
        exact = amount.is_finite() and amount == amount.quantize(_CENT) and 0 <= amount < _MOST
    except InvalidOperation:
        exact = False
    if not exact:
        raise BadInput(
            f"amount is {value!r}; write money as 19.99, not negative, with two decimals at most", code="bad_amount",
            field="amount",
        )  # fmt: skip
    return amount


def _page(value: Any) -> str:
    parts = urlsplit(str(value or ""))
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise BadInput(f"page is {value!r}; write its address", code="bad_page", field="page")
    return f"{parts.scheme}://{parts.netloc}{parts.path}"[:2000]


def _moment(value: Any, now: datetime) -> datetime:
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
            moment = datetime.fromisoformat(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        else:
            moment = datetime.fromtimestamp(float(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadInput(f"at is {value!r}; write it as 2026-11-24T10:00:00Z", code="bad_time", field="at") from None
    if moment > now + _CLOCKS_DIFFER:
        raise BadInput(f"at is {value!r}, which is still to come", code="time_in_future", field="at")
    return moment.astimezone(UTC)


def _campaigns(conn: sa.Connection, account_id: AccountId, events: Sequence[SiteEvent]) -> dict[str, CampaignId]:
    wanted = {e.campaign: e.line for e in reversed(events) if e.campaign is not None}
    if not wanted:
        return {}
    held = campaigns.listed(conn, account_id)
    known = {str(c.id): c.id for c in held} | {c.name: c.id for c in held}
    for name, line in sorted(wanted.items(), key=lambda item: item[1]):
        if name not in known:
            raise BadInput(f"line {line}: no campaign {name!r}", code="no_campaign", field="campaign", row=line)
    return known


def _people(conn: sa.Connection, account_id: AccountId, chunk: Sequence[SiteEvent]) -> dict[int, ContactId]:
    """The contact of each line that has one."""
    by_email = contacts.ids_by_email(conn, account_id, {e.email for e in chunk if e.email is not None})
    numbers = {ContactId(e.contact) for e in chunk if e.contact is not None}
    there = contacts.emails_of(conn, account_id, numbers) if numbers else {}
    found = {}
    for e in chunk:
        contact = by_email.get(e.email) if e.email is not None else ContactId(e.contact or 0)
        if contact is not None and (e.email is not None or contact in there):
            found[e.line] = contact
    return found


def _told(
    account_id: AccountId, contact: ContactId, e: SiteEvent, known: Mapping[str, CampaignId], now: datetime
) -> Event:
    # What has no number of its own is told from others by who, when and how much.
    facts = (e.key,) if e.key is not None else (contact, e.at.isoformat(), e.amount, e.page)
    return Event(
        id=event_id("site", e.type.value, account_id, *facts),
        type=e.type,
        account_id=account_id,
        campaign_id=known[e.campaign] if e.campaign is not None else None,
        contact_id=contact,
        occurred_at=e.at,
        recorded_at=now,
        via="import",
        value=float(e.amount) if e.amount is not None else None,
        page=e.page,
    )


def _renew(
    conn: sa.Connection, account_id: AccountId, told: Sequence[tuple[ContactId, SiteEvent]], now: datetime
) -> None:
    """A purchase is an act of the person: it puts the end of their consent off."""
    acts: dict[ContactId, datetime] = {}
    for contact, e in told:
        if e.type is EventType.CONVERTED:
            acts[contact] = max(e.at, acts.get(contact, e.at))
    if acts:
        renewals.renew(conn, account_id, Channel.EMAIL, acts, source="purchase", now=now)
