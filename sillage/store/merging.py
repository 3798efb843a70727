"""From staged rows to contacts, consent and groups: each chunk is decided and written by statements over sets.

`decide` looks at what is in ops and fills the temporary table `plan`, one row per staged row; `apply` writes what was
planned; both are in one transaction, so that nothing can change in between. A row never takes anything away: an empty
cell leaves what is there, and nobody who left comes back by a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

import sqlalchemy as sa

from sillage.domain.consent import CONSENT_LASTS, Channel, NotMailable
from sillage.domain.contact import TEXT_FIELDS
from sillage.domain.ids import AccountId, GroupId, ImportId
from sillage.store import bulk, consent
from sillage.store.staging import Shape


class Mode(StrEnum):
    """What an import may do with people: by default both."""

    ADD = "add"
    """New people come; those who are there stay as they are (and join the group)."""
    UPDATE = "update"
    """Those who are there are brought up to date; nobody comes."""
    ADD_AND_UPDATE = "add_and_update"
    TAKE_OUT = "take_out"
    """Those who are members of the group leave it. Nobody is erased."""


NOT_A_CONTACT = "not_a_contact"
"""Why a row was left: an import that adds nobody found nobody of that address."""
_LASTS = CONSENT_LASTS // CONSENT_LASTS.resolution


@dataclass(frozen=True, slots=True)
class Job:
    """What all rows of an import have in common. `import_id` is 0 in a dry run."""

    account_id: AccountId
    import_id: ImportId
    group_id: GroupId | None
    stamp: int
    """Microseconds: when the import began. What it wrote is told by this time in `updated_at`."""
    basis: str
    mode: Mode = Mode.ADD_AND_UPDATE


@dataclass(frozen=True, slots=True)
class Tally:
    """What a chunk comes to, in rows. `more`: those whose consent must be computed anew from the ledger."""

    new: int
    updated: int
    unchanged: int
    left_out: int
    mailable: int
    still_out: int
    phone_taken: int
    more: int
    first_id: int | None
    last_id: int | None


@lru_cache(maxsize=512)
def _for_driver(sql: str, *, is_sqlite: bool) -> str:
    return sql if is_sqlite else re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql)


def _run(conn: sa.Connection, sql: str, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
    return conn.exec_driver_sql(_for_driver(sql, is_sqlite=bulk.is_sqlite(conn)), dict(values))


_JOINS = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan")
_WHOLE_TABLES = (*_JOINS, "enable_bitmapscan", "enable_material", "jit")


def _allow(conn: sa.Connection, ways: Iterable[str], allowed: Literal["on", "off"]) -> None:
    """Tell PostgreSQL's planner, until the end of the transaction, which ways it may go."""
    if not bulk.is_sqlite(conn):
        for way in ways:
            conn.exec_driver_sql(f"set local {way} = {allowed}")


def decide(conn: sa.Connection, job: Job, shape: Shape, first: int, last: int) -> None:
    """Plan the staged rows from `first` to `last`: who is new, who changes, who stays out."""
    is_sqlite = bulk.is_sqlite(conn)
    values: dict[str, Any] = {
        "account": job.account_id, "import": job.import_id, "group": job.group_id, "stamp": job.stamp,
        "first": first, "last": last,
    }  # fmt: skip
    if is_sqlite:
        found = conn.exec_driver_sql("select seq from sqlite_sequence where name = 'contacts'").scalar() or 0
        values["base"] = int(found) + 1 - first
    else:
        values["sequence"] = conn.exec_driver_sql("select pg_get_serial_sequence('contacts', 'id')").scalar()
        # Each row finds its own by a key: a plan that reads all contacts of an account would be chosen for a small one,
        # and kept while it grows (60,000 new people took a minute so, and six seconds by keys). The price that the
        # planner puts on what is forbidden would call the compiler (0.8 s a statement).
        _allow(conn, _WHOLE_TABLES, "off")
    conn.exec_driver_sql("delete from plan" if is_sqlite else "truncate plan")
    _run(
        conn,
        _decision(shape, job.mode, is_sqlite=is_sqlite, is_dry=not job.import_id, joins_group=job.group_id is not None),
        values,
    )
    # A person twice in one chunk, by address and by number: the second row waits, and finds what the first one wrote.
    while job.import_id and (twin := conn.exec_driver_sql(_TWIN).scalar()) is not None:
        keep(conn, int(twin) - 1)


def keep(conn: sa.Connection, last: int) -> None:
    """Plan no further than a row: the rest of the chunk comes later."""
    _run(conn, "delete from plan where n > :last", {"last": last})


@lru_cache(maxsize=64)
def _decision(shape: Shape, mode: Mode, *, is_sqlite: bool, is_dry: bool, joins_group: bool) -> str:
    new_id = ":base + s.n" if is_sqlite else "nextval(cast(:sequence as regclass))"
    if is_dry:
        new_id = "0"
    merged = "json_patch(h.custom, s.custom)" if is_sqlite else "h.custom || s.custom"
    held = "json(h.custom)" if is_sqlite else "h.custom"
    takes_phone = "s.phone is not null and (p.id is null or p.id = h.id)" if shape.has_phones else "1 = 0"
    phone_taken = "s.phone is not null and p.id is not null and (h.id is null or p.id <> h.id)"
    differs = " or ".join([
        *(f"(s.{name} is not null and s.{name} is distinct from h.{name})" for name in shape.fields),
        f"(s.custom is not null and s.custom <> h.custom and {merged} <> {held})",
        *([f"({takes_phone} and s.phone is distinct from h.phone)"] if shape.has_phones else []),
        "(s.email is not null and s.provider <> h.provider)",
    ])  # fmt: skip
    writes_fields = mode in {Mode.UPDATE, Mode.ADD_AND_UPDATE}
    # What a row says of consent is news to somebody without a line in the ledger; to others if it is later, or a no.
    marketing = (
        "s.marketing is not null and (c.marketing is null or (c.marketing = 'granted'"
        " and (c.marketing_at is null or coalesce(s.at, :stamp) > c.marketing_at)))"
    )
    measured = "s.tracking is not null and (c.{0} is null or (c.{0} = 'granted' and s.tracking = 'withdrawn'))"
    speaks = {Mode.ADD: "h.id is null", Mode.TAKE_OUT: "1 = 0"}.get(mode, "1 = 1")
    is_member = "m.contact_id is not null"
    joins = is_member if mode is Mode.TAKE_OUT else "m.contact_id is null"
    stays_out = "" if mode is Mode.TAKE_OUT else (
        "when x.reason is not null then x.reason when s.marketing = 'granted' and c.marketing = 'withdrawn'"
        f" then '{NotMailable.UNSUBSCRIBED.value}'"
    )  # fmt: skip
    nobody = f"when h.id is null then '{NOT_A_CONTACT}'" if mode in {Mode.UPDATE, Mode.TAKE_OUT} else ""
    why = f"case {stays_out} {nobody} end" if stays_out or nobody else "null"
    channel, address_hash = f"'{Channel.EMAIL}'", "s.email_hash"
    held_by = "left join contacts h on h.account_id = :account and h.email = s.email"
    if shape.has_phones:
        channel = f"case when s.email is null then '{Channel.WHATSAPP}' else '{Channel.EMAIL}' end"
        address_hash = "case when s.email is null then s.phone_hash else s.email_hash end"
        held_by = """left join contacts e on e.account_id = :account and e.email = s.email
left join contacts p on p.account_id = :account and p.phone = s.phone
left join contacts h on h.id = case when s.email is null then p.id else e.id end"""
    members = "left join group_members m on m.group_id = :group and m.contact_id = h.id" if joins_group else ""

    def flag(condition: str) -> str:
        return f"case when {condition} then 1 else 0 end"

    return f"""
insert into plan (n, row, known, id, takes_phone, phone_taken, changed, opened, joins, is_first, marketing, opens,
    clicks, mailable, still_out, why)
select s.n, s.row, h.id, case when h.id is null then {new_id} else h.id end, {flag(takes_phone)},
    {flag(phone_taken) if shape.has_phones else 0},
    {flag(f"h.id is not null and ({differs})") if writes_fields else 0},
    {flag("i.state is not null and i.state <> 'sealed' and h.import_id <> :import")},
    {flag(joins) if joins_group else 0}, {flag("c.contact_id is null")},
    {flag(f"{speaks} and {marketing}")}, {flag(f"{speaks} and {measured.format('open_tracking')}")},
    {flag(f"{speaks} and {measured.format('click_tracking')}")}, s.mailable,
    {flag("c.marketing = 'withdrawn' and s.marketing is null")},
    {why}
from stage s
{held_by}
left join imports i on i.id = h.import_id
left join suppressions x on x.account_id = :account and x.channel = {channel}
    and x.address_hash = {address_hash}
left join consents c on c.contact_id = h.id and c.channel = {channel}
{members}
where s.n between :first and :last
order by s.n
"""


_TWIN = (
    "select min(twin) from"
    " (select max(n) as twin from plan where known is not null group by known having count(*) > 1) twins"
)
_NEWS = "joins + marketing + opens + clicks"
_TALLY = f"""
select sum(case when why is null and known is null then 1 else 0 end),
    sum(case when why is null and known is not null and changed + {_NEWS} > 0 then 1 else 0 end),
    sum(case when why is null and known is not null and changed + {_NEWS} = 0 then 1 else 0 end),
    sum(case when why is null then 0 else 1 end),
    sum(case when why is null then mailable else 0 end),
    sum(case when why is null then still_out else 0 end),
    sum(case when why is null then phone_taken else 0 end),
    sum(case when why is null and is_first = 0 and marketing + opens + clicks > 0 then 1 else 0 end),
    min(case when why is null and known is null then id end),
    max(case when why is null and known is null then id end)
from plan
"""


def tally(conn: sa.Connection) -> Tally:
    """Count the plan."""
    found: list[Any] = list(conn.exec_driver_sql(_TALLY).one())
    return Tally(*(int(number or 0) for number in found[:-2]), *found[-2:])


def left_out(conn: sa.Connection) -> list[tuple[int, str]]:
    """Rows of the plan whose people stay out: the file's line and the reason."""
    return [(row[0], row[1]) for row in conn.exec_driver_sql("select row, why from plan where why is not null")]


def apply(conn: sa.Connection, job: Job, shape: Shape, plan: Tally, now: int) -> None:
    """Write the plan. `now` in microseconds.

    Raises: an integrity error (PostgreSQL) where somebody else was faster with an address or a number: decide again.
    """
    values: dict[str, Any] = {
        "account": job.account_id, "import": job.import_id, "group": job.group_id, "stamp": job.stamp, "now": now,
        "basis": job.basis, "lasts": _LASTS,
    }  # fmt: skip
    if job.mode is Mode.TAKE_OUT:
        if plan.updated:
            _run(conn, _NOTE_MEMBERS, values)
            _run(conn, _TAKE_OUT, values)
        return
    is_sqlite = bulk.is_sqlite(conn)
    if plan.new:
        # Here only what is staged meets what is planned, all of both.
        _allow(conn, _JOINS, "on")
        _run(conn, _insertion(shape), values)
    if plan.updated or plan.unchanged:
        _allow(conn, _JOINS, "off")
        _run(conn, _NOTE_FIELDS, values)
        _run(conn, _update(shape, is_sqlite=is_sqlite), values)
        if plan.updated:
            _run(conn, _NOTE_CONSENT, values)
    _agree(conn, job, plan, values)
    if job.group_id is not None:
        _run(conn, _JOIN, values)


@lru_cache(maxsize=64)
def _insertion(shape: Shape) -> str:
    names = "".join(f", {name}" for name in shape.fields)
    fields = "".join(f", s.{name}" for name in shape.fields)
    return f"""
insert into contacts (id, account_id, email, email_hash, phone, phone_hash, provider{names}, custom, source, import_id,
    created_at, updated_at)
select p.id, :account, s.email, s.email_hash, case when p.takes_phone = 1 then s.phone end,
    case when p.takes_phone = 1 then s.phone_hash end, s.provider{fields}, coalesce(s.custom, '{{}}'), 'import',
    :import, :stamp, :stamp
from plan p cross join stage s where s.n = p.n and p.known is null and p.why is null order by p.n
"""


@lru_cache(maxsize=64)
def _update(shape: Shape, *, is_sqlite: bool) -> str:
    merged = "json_patch(contacts.custom, s.custom)" if is_sqlite else "contacts.custom || s.custom"
    fields = "".join(f"{name} = coalesce(s.{name}, contacts.{name}), " for name in shape.fields)
    return f"""
update contacts set {fields}
    custom = case when p.changed = 1 and s.custom is not null then {merged} else contacts.custom end,
    phone = case when p.takes_phone = 1 then s.phone else contacts.phone end,
    phone_hash = case when p.takes_phone = 1 then s.phone_hash else contacts.phone_hash end,
    provider = case when s.email is not null then s.provider else contacts.provider end,
    import_id = case when p.opened = 1 then :import else contacts.import_id end,
    updated_at = :stamp
from plan p cross join stage s
where contacts.id = p.known and s.n = p.n and p.why is null and p.changed + p.opened > 0
"""


_HELD = ("phone", "phone_hash", "provider", *TEXT_FIELDS, "custom")
# What this import made itself goes as a whole when it is undone.
_OTHERS = "p.why is null and (h.import_id is null or h.import_id <> :import)"
_NOTE_FIELDS = f"""
insert into import_changes (import_id, contact_id, kind, account_id, {", ".join(_HELD)}, seen_with, at)
select :import, h.id, 'fields', :account, {", ".join(f"h.{name}" for name in _HELD)}, h.import_id, h.updated_at
from plan p cross join contacts h where h.id = p.known and p.changed + p.opened > 0 and {_OTHERS}
on conflict do nothing
"""
_NOTE_CONSENT = f"""
insert into import_changes (import_id, contact_id, kind, account_id)
select :import, h.id, 'consent', :account
from plan p cross join contacts h where h.id = p.known and p.marketing + p.opens + p.clicks > 0 and {_OTHERS}
on conflict do nothing
"""
_NOTE_MEMBERS = """
insert into import_changes (import_id, contact_id, kind, account_id, seen_with, at)
select :import, m.contact_id, 'group', :account, m.import_id, m.added_at
from plan p cross join group_members m where m.group_id = :group and m.contact_id = p.known and p.why is null
on conflict do nothing
"""
_TAKE_OUT = """
delete from group_members where account_id = :account and group_id = :group
    and contact_id in (select known from plan where why is null and joins = 1)
"""
_JOIN = """
insert into group_members (group_id, contact_id, account_id, import_id, added_at)
select :group, id, :account, :import, :now from plan where why is null and joins = 1 order by id
on conflict (group_id, contact_id) do nothing
"""
_CHANNEL = f"case when s.email is null then '{Channel.WHATSAPP}' else '{Channel.EMAIL}' end"
_SAID = "coalesce(s.said, '') || 'row ' || s.row || coalesce(', ' || s.note, '')"
_ACTS = "insert into consent_acts (" + ", ".join(consent.ACT_COLUMNS) + ")"
_MARKETING = f"""
{_ACTS}
select :account, p.id, {_CHANNEL}, 'marketing', s.marketing,
    case when s.marketing = 'granted' then :basis else 'consent' end, s.origin, {_SAID}, coalesce(s.at, :stamp), :now
from plan p cross join stage s where s.n = p.n and p.why is null and p.marketing = 1 order by p.n
"""
# A refusal counts from the day on which the file says so: it must win over an older yes.
_TRACKING = f"""
{_ACTS}
select :account, p.id, {_CHANNEL}, '{{purpose}}', s.tracking, 'consent', s.origin,
    'row ' || s.row || coalesce(', ' || s.note, ''),
    case when s.tracking = 'granted' then coalesce(s.at, :stamp) else :stamp end, :now
from plan p cross join stage s where s.n = p.n and p.why is null and p.{{flag}} = 1 order by p.n
"""
_OPENS = _TRACKING.format(purpose="open_tracking", flag="opens")
_CLICKS = _TRACKING.format(purpose="click_tracking", flag="clicks")
_CURRENT = f"""
insert into consents ({", ".join(consent.CURRENT_COLUMNS)})
select p.id, {_CHANNEL}, :account, s.marketing,
    case when s.marketing = 'granted' then :basis when s.marketing is not null then 'consent' end,
    case when s.marketing is not null then coalesce(s.at, :stamp) end,
    case when s.marketing = 'granted' then coalesce(s.at, :stamp) + :lasts end, s.tracking, s.tracking
from plan p cross join stage s
where s.n = p.n and p.why is null and p.is_first = 1 and p.marketing + p.opens + p.clicks > 0 order by p.id
"""
_MORE = f"""
select p.id, {_CHANNEL} from plan p cross join stage s
where s.n = p.n and p.why is null and p.is_first = 0 and p.marketing + p.opens + p.clicks > 0
"""


def _agree(conn: sa.Connection, job: Job, plan: Tally, values: Mapping[str, Any]) -> None:
    _allow(conn, _JOINS, "on")
    for sql in (_MARKETING, _OPENS, _CLICKS, _CURRENT):
        _run(conn, sql, values)
    if plan.more:
        _allow(conn, _JOINS, "off")
        found: list[Any] = list(conn.exec_driver_sql(_MORE))
        for channel in Channel:
            ids = [int(contact_id) for contact_id, on in found if on == channel.value]
            if ids:
                consent.recompute(conn, job.account_id, channel, ids)
