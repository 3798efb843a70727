"""What the pages ask of ops about contacts: groups, imports, how many may be mailed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st

from dashboards import audiences
from dashboards.freshness import SLOW_S, cached
from dashboards.shell import Desk, scope
from sillage.domain.ids import ContactId
from sillage.errors import NotFound
from sillage.store import campaigns, contacts, erasures, groups, imports, people, segments
from sillage.store.contacts import Contact
from sillage.store.erasures import Erasure
from sillage.store.groups import Group
from sillage.store.imports import Import, ImportState

FRESH_S = 2.0


@dataclass(frozen=True, slots=True)
class Reach:
    """Of an account's contacts, how many marketing may reach, and why not the others."""

    as_of: datetime
    mailable: int
    left_out: dict[str, int]


@st.cache_data(ttl=FRESH_S, show_spinner=False, hash_funcs={Desk: scope})
def recent_imports(desk: Desk) -> list[Import]:
    """The last hundred imports, the newest first."""
    with desk.store.read() as conn:
        return imports.listed(conn, desk.account_id)


def unfinished(desk: Desk) -> list[Import]:
    """Imports that wait for a person: parked with a question, or failed."""
    latest: dict[str, Import] = {}
    for found in recent_imports(desk):
        latest.setdefault(found.sha256, found)
    return [i for i in latest.values() if i.state in {ImportState.PARKED, ImportState.FAILED}]


@st.cache_data(ttl=FRESH_S, show_spinner=False, hash_funcs={Desk: scope})
def group_sizes(desk: Desk) -> list[Group]:
    """The groups of an account with their sizes, by name."""
    with desk.store.read() as conn:
        return groups.listed(conn, desk.account_id)


@st.cache_data(ttl=FRESH_S, show_spinner=False, hash_funcs={Desk: scope})
def count(desk: Desk) -> int:
    """All contacts that one may see."""
    with desk.store.read() as conn:
        return contacts.count(conn, desk.account_id)


@cached(SLOW_S, waits=False)
def reach(desk: Desk) -> Reach:
    """Whom marketing may reach now. A million contacts take seconds, so an old answer is given once more meanwhile."""
    now = desk.now()
    found = audiences.ask(desk, lambda audience: audience.reach(now=now))
    return Reach(now, found.pop(None, 0), {str(why): size for why, size in found.items()})


@dataclass(frozen=True, slots=True)
class Person:
    """One contact with its groups, its ledger of consent and what the lake tells of it, the newest first."""

    contact: Contact
    groups: list[str]
    events: list[dict[str, Any]]
    campaigns: dict[int, str]


_TIMELINE = """
    select any_value(type) as type, min(occurred_at) as occurred_at, any_value(campaign_id) as campaign_id,
        any_value(concat_ws(' · ', 'link ' || link, bounce_class, reason, via, purpose, page,
            if(is_machine, 'machine', null))) as more
    from lake.main.events where account_id = ? and contact_id = ? and not is_test
    group by event_id order by occurred_at desc, type limit 500
"""


@st.cache_data(ttl=FRESH_S, show_spinner=False, hash_funcs={Desk: scope})
def person(desk: Desk, contact_id: ContactId) -> Person:
    """All that is known of a contact; the last 500 events.

    Raises: NotFound.
    """
    with desk.store.read() as conn:
        found = contacts.get(conn, desk.account_id, contact_id)
        named = {int(c.id): c.name for c in campaigns.listed(conn, desk.account_id)}
        of_groups = people.groups_of(conn, desk.account_id, contact_id)
    try:
        events = desk.reader.query(_TIMELINE, [desk.account_id, contact_id])
    except NotFound:
        events = []
    return Person(found, of_groups, events, named)


@st.cache_data(ttl=FRESH_S, show_spinner=False, hash_funcs={Desk: scope})
def recent_erasures(desk: Desk) -> list[Erasure]:
    """The last twenty requests of an account to erase somebody, the newest first."""
    with desk.store.read() as conn:
        return erasures.listed(conn, desk.account_id, limit=20)


@st.cache_data(ttl=FRESH_S, show_spinner=False, hash_funcs={Desk: scope})
def search(desk: Desk, text: str) -> list[Contact]:
    """Contacts with a text anywhere in address or name, 21 at most."""
    with desk.store.read() as conn:
        return people.search(conn, desk.account_id, text, limit=21)


@st.cache_data(ttl=FRESH_S, show_spinner=False, hash_funcs={Desk: scope})
def saved_segments(desk: Desk) -> dict[str, Any]:
    """The saved trees by name."""
    with desk.store.read() as conn:
        return {s.name: s.tree for s in segments.listed(conn, desk.account_id)}
