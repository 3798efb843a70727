"""A segment as one SQL condition of DuckDB, with its values apart from its text.

The relations that it speaks of are made by `sillage.campaign.audience`, for one account each: `contacts` (standard
fields as text, `custom` as JSON, moments as microseconds), `memberships`, `consents`, `suppressions`, `acts` (human
opens and clicks), `sends` (campaign and contact), `history` (one row per contact), `links`, `visits`, `conversions`
and `devices`. No condition ever is null: a comparison with nothing is false.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sillage.domain import segment as s
from sillage.errors import BadInput

TRUE_WORDS = ("true", "1", "yes", "oui", "vrai")
FALSE_WORDS = ("false", "0", "no", "non", "faux")
NUMBER = r"[+-]?[0-9]{1,300}([.][0-9]{1,300})?([eE][+-]?[0-9]{1,2})?"
"""What counts as a number in a text field; the same pattern for DuckDB's RE2 and Python."""
DAY = r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}([T ].*)?"

_FOLDED = "strip_accents(lower(nullif({}, '')))"
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MIDDLE, _FIRST_YEAR, _LAST_YEAR = date(2000, 1, 1), 1000, 9998
_SIGNS = {"less": "<", "at_most": "<=", "more": ">", "at_least": ">="}
_DAY_SIGNS = {"before": "<", "after": ">", "on": "="}


@dataclass(frozen=True, slots=True)
class Today:
    """The present moment and the account's time zone, which decides what day it is."""

    now: datetime
    zone: str = "UTC"

    @property
    def day(self) -> date:
        """The day in the account's calendar."""
        return self.now.astimezone(ZoneInfo(self.zone)).date()

    def moved(self, days: int) -> date:
        """The day so many days from today, at most the calendar's ends."""
        try:
            return self.day + timedelta(days=days)
        except OverflowError:
            return date.max if days > 0 else date.min

    def start(self, day: date) -> datetime:
        """When a day begins in the account's zone (UTC)."""
        try:
            return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)
        except OverflowError:
            return _FIRST if day < _MIDDLE else _LAST

    def since(self, days: int) -> datetime:
        """The first moment of the day that was `days` days ago."""
        return self.start(self.moved(-days))


@dataclass(slots=True)
class Query:
    """A SQL condition for DuckDB over the relation `contacts`, with its values apart from its text."""

    sql: str
    params: list[Any] = field(default_factory=list)


def compile_segment(tree: Any, today: Today) -> Query:
    """The condition of a tree whose saved segments are resolved.

    Raises: BadInput for a comparison with a value that it can't take.
    """
    params: list[Any] = []
    return Query(_condition(tree, params, today), params)


def members_of(node: Any, today: Today) -> Query | None:
    """The ids (column contact_id) of those for whom a clause about behaviour holds; None for any other clause."""
    if not isinstance(node, s.BEHAVIOUR):
        return None
    params: list[Any] = []
    return Query(_members(node, params, today), params)


def _condition(tree: Any, params: list[Any], today: Today) -> str:  # noqa: PLR0911  # one for each kind of node
    match tree:
        case s.Everyone():
            return "true"
        case s.Not(part=part):
            return f"(not {_condition(part, params, today)})"
        case s.AllOf(parts=parts):
            return "(" + " and ".join(_condition(p, params, today) for p in parts) + ")"
        case s.AnyOf(parts=parts):
            return "(" + " or ".join(_condition(p, params, today) for p in parts) + ")"
        case s.FieldIs():
            return _compare(tree, params, today)
        case s.HasConsent():
            return _consent(tree, params, today)
        case s.Suppressed(reasons=reasons):
            # An address that is not there has no hash: it is not suppressed.
            where = _any(reasons, "reason", params)
            return f"coalesce(email_hash in (select address_hash from suppressions{where}), false)"
        case s.InSegment(name=name):
            raise BadInput(f"segment {name!r} is not resolved", code="bad_segment")
        case _:
            return f"(id in ({_members(tree, params, today)}))"


def _any(values: tuple[str, ...], column: str, params: list[Any]) -> str:
    if not values:
        return ""
    params.extend(values)
    return f" where {column} in ({', '.join('?' * len(values))})"


def _members(node: Any, params: list[Any], today: Today) -> str:
    match node:
        case s.InGroup(name=name):
            params.append(name)
            return "select contact_id from memberships where group_name = ?"
        case s.Engaged():
            return _recent(node) if node.last is not None else _engaged(node, params, today)
        case s.Bounced(classes=classes, days=days):
            where = _any(classes, "last_bounce_class", params) or " where last_bounce_class is not null"
            return f"select contact_id from history{where}{_since('last_bounced_at', days, params, today)}"
        case s.UsedDevice(device=device, days=days):
            params.append(device)
            return f"select contact_id from devices where device = ?{_since('occurred_at', days, params, today)}"
        case s.Visited(page=page, days=days, at_least=at_least):
            params.append(page)
            # An empty text is in every page, also in one that is not known.
            where = "contains(strip_accents(lower(coalesce(page, ''))), strip_accents(lower(?)))"
            where += _since("occurred_at", days, params, today)
            return f"select contact_id from visits where {where}{_often(at_least)}"
        case s.Converted(days=days, at_least=at_least):
            where = "true" + _since("occurred_at", days, params, today)
            return f"select contact_id from conversions where {where}{_often(at_least)}"
        case _:
            raise AssertionError(node)


def _often(at_least: int) -> str:
    return "" if at_least == 1 else f" group by contact_id having count(*) >= {at_least:d}"


def _since(column: str, days: int | None, params: list[Any], today: Today) -> str:
    if days is None:
        return ""
    params.append(today.since(days))
    return f" and {column} >= ?"


def _recent(node: s.Engaged) -> str:
    """Of the last N campaigns sent to a contact: a mask and a count of bits."""
    mask = (1 << (node.last or 0)) - 1
    where = {
        "opened": f"bit_count(opened_bits & {mask}) >= {node.at_least:d}",
        "clicked": f"bit_count(clicked_bits & {mask}) >= {node.at_least:d}",
        "received": f"least(sent_count, {node.last:d}) >= {node.at_least:d}",
        "not_opened": f"measurable_bits & {mask} <> 0 and opened_bits & {mask} = 0",
        "not_clicked": f"sent_count > 0 and clicked_bits & {mask} = 0",
    }[node.did]
    return f"select contact_id from history where {where}"


def _engaged(node: s.Engaged, params: list[Any], today: Today) -> str:
    if node.did in {"received", "reached"}:
        return _sent(node, params, today, "is_sent" if node.did == "received" else "is_delivered") + _enough(node)
    if node.did == "not_opened":
        sent = _sent(node, params, today, "is_measurable")
        return f"{sent} and contact_id not in ({_acts('opened', node, params, today)})"
    if node.did == "not_clicked":
        sent = _sent(node, params, today, "is_sent")
        return f"{sent} and contact_id not in ({_acts('clicked', node, params, today)})"
    return _acts(node.did, node, params, today) + _enough(node)


def _enough(node: s.Engaged) -> str:
    if node.at_least == 1:
        return ""
    counted = "count(*)" if node.counting == "times" else "count(distinct campaign_id)"
    return f" group by contact_id having {counted} >= {node.at_least:d}"


def _sent(node: s.Engaged, params: list[Any], today: Today, state: str) -> str:
    where = f"select contact_id from sends where {state}"
    if node.campaign is not None:
        params.append(node.campaign)
        where += " and campaign_id = ?"
    return where + _since("first_attempted_at", node.days, params, today)


def _acts(act: str, node: s.Engaged, params: list[Any], today: Today) -> str:
    where = f"select contact_id from acts where act = '{act}'"
    if act == "opened":
        where += " and is_measurable"
    if node.campaign is not None:
        params.append(node.campaign)
        where += " and campaign_id = ?"
    if node.link is not None:
        params.append(node.link)
        where += " and link_number = ?"
    if node.url is not None:
        params.append(node.url)
        where += " and (variant_id, link_number) in (select (variant_id, number) from links where url = ?)"
    return where + _since("occurred_at", node.days, params, today)


def _consent(node: s.HasConsent, params: list[Any], today: Today) -> str:
    column = node.purpose
    if node.state == "unknown":
        return f"(id not in (select contact_id from consents where {column} is not null))"
    if node.state == "lapsed":
        params.append(_micros(today.now))
        where = "marketing = 'granted' and lapses_at <= ?"
    else:
        where = f"{column} = '{node.state}'"
    if node.older_than_days is not None:
        params.append(_micros(today.since(node.older_than_days)))
        where += " and marketing_at < ?"
    if node.newer_than_days is not None:
        params.append(_micros(today.since(node.newer_than_days)))
        where += " and marketing_at >= ?"
    return f"(id in (select contact_id from consents where {where}))"


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _compare(node: s.FieldIs, params: list[Any], today: Today) -> str:  # noqa: PLR0911  # one for each comparison
    if node.field in s.MOMENTS:
        return _moment(node, params, today)
    if node.op in s.DATE_OPS or node.op in s.DAY_OPS:
        return _date(node, params, today)
    column = _column(node.field, params)
    if node.op == "empty":
        return f"(coalesce({column}, '') = '')"
    if node.op in {"is_true", "is_false"}:
        words = TRUE_WORDS if node.op == "is_true" else FALSE_WORDS
        return f"coalesce({_FOLDED.format(column)} in ({', '.join(repr(w) for w in words)}), false)"
    if node.op in _SIGNS or (node.op == "equals" and isinstance(node.value, float)):
        again = _again(column, node.field, params)
        params.append(_number(node))
        sign = _SIGNS.get(node.op, "=")
        number = f"case when regexp_full_match({column}, '{NUMBER}') then try_cast({again} as double) end"
        return f"coalesce({number} {sign} ?::double, false)"
    folded, value = _FOLDED.format(column), _FOLDED.format("?")
    if node.op == "in":
        if not isinstance(node.value, list) or not node.value:
            raise _bad(node, "'in' takes a list of values")
        params.extend(node.value)
        return f"coalesce({folded} in ({', '.join([value] * len(node.value))}), false)"
    if not isinstance(node.value, str | float):
        raise _bad(node, f"{node.op} takes a value")
    params.append(f"{node.value:g}" if isinstance(node.value, float) else node.value)
    if node.op == "equals":
        return f"coalesce({folded} = {value}, false)"
    function = {"contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with"}[node.op]
    return f"coalesce({function}({folded}, {value}), false)"


def _date(node: s.FieldIs, params: list[Any], today: Today) -> str:
    column = _column(node.field, params)
    again = _again(column, node.field, params)
    day = f"case when regexp_full_match({column}, '{DAY}') then try_strptime(left({again}, 10), '%Y-%m-%d')::date end"
    if node.op in _DAY_SIGNS:
        params.append(_given_day(node))
        return f"coalesce({day} {_DAY_SIGNS[node.op]} ?::date, false)"
    days = _given_days(node)
    if node.op == "birthday_within":
        wanted = sorted(birthdays(today.day, days))
        params.extend(wanted)
        return f"coalesce(strftime({day}, '%m-%d') in ({', '.join('?' * len(wanted))}), false)"
    low, high = _between(node.op, days, today)
    params.extend([low, high])
    return f"coalesce({day} between ?::date and ?::date, false)"


def _between(op: str, days: int, today: Today) -> tuple[date, date]:
    """The first and the last day that count."""
    match op:
        case "within_last":
            return today.moved(-days), today.day
        case "within_next":
            return today.day, today.moved(days)
        case _:
            return date(1000, 1, 1), today.moved(-days - 1)


def birthdays(day: date, days: int) -> set[str]:
    """Month and day (MM-DD) of all birthdays from `day` on, `days` days ahead included.

    Who was born on 29 February has it on the 28th in other years.
    """
    found = set()
    for ahead in range(min(days, 366) + 1):
        on = day + timedelta(days=ahead)
        found.add(f"{on:%m-%d}")
        is_leap = on.year % 4 == 0 and (on.year % 100 != 0 or on.year % 400 == 0)
        if (on.month, on.day) == (2, 28) and not is_leap:
            found.add("02-29")
    return found


def _moment(node: s.FieldIs, params: list[Any], today: Today) -> str:
    if node.op == "empty":
        return f"({node.field} is null)"
    if node.op in _DAY_SIGNS:
        day = date.fromisoformat(_given_day(node))
        low, high = {
            "before": (date.min, day - timedelta(days=1)),
            "after": (day + timedelta(days=1), date.max),
            "on": (day, day),
        }[node.op]
    elif node.op in s.DAY_OPS and node.op != "birthday_within":
        low, high = _between(node.op, _given_days(node), today)
    else:
        raise _bad(node, "this is a moment: before, after, on, within_last, longer_ago or empty can be asked of it")
    end = today.start(high + timedelta(days=1)) if high < date.max else datetime.max.replace(tzinfo=UTC)
    params.extend([_micros(today.start(low)), _micros(end)])
    return f"coalesce({node.field} >= ? and {node.field} < ?, false)"


def _given_day(node: s.FieldIs) -> str:
    try:
        day = date.fromisoformat(str(node.value))
    except ValueError:
        raise _bad(node, f"{node.op} takes a day such as 2026-11-24") from None
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise _bad(node, f"{node.op} takes a day of the years 1000 to 9998")
    return day.isoformat()


def _given_days(node: s.FieldIs) -> int:
    try:
        days = int(float(node.value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise _bad(node, f"{node.op} takes a number of days") from None
    if not 0 <= days <= s.MAX_DAYS:
        raise _bad(node, f"{node.op} takes 0 to {s.MAX_DAYS} days")
    return days


def _number(node: s.FieldIs) -> float:
    try:
        return float(node.value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _bad(node, f"{node.op} takes a number") from None


def _bad(node: s.FieldIs, fault: str) -> BadInput:
    return BadInput(f"field {node.field!r}: {fault}", code="bad_segment", field=node.field)


def _column(name: str, params: list[Any]) -> str:
    if name in s.STANDARD_FIELDS:
        return f'"{name}"'
    # A custom field's name is a value, never SQL text; as a JSON pointer its / and ~ are escaped (RFC 6901).
    params.append("/" + name.replace("~", "~0").replace("/", "~1"))
    return "json_extract_string(custom, ?)"


def _again(column: str, name: str, params: list[Any]) -> str:
    """The same column a second time: its value, where it has one, is bound again."""
    return column if name in s.STANDARD_FIELDS else _column(name, params)
