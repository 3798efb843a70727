"""What the pages ask of ops about contacts: groups, imports, how many may be mailed."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboards.shell import Desk, scope
from sillage.campaign.audience import audience_of
from sillage.domain.segment import Everyone
from sillage.store import contacts, groups, imports
from sillage.store.groups import Group
from sillage.store.imports import Import, ImportState

FRESH_S = 2.0


@dataclass(frozen=True, slots=True)
class Stock:
    """All contacts of an account: how many there are, how many marketing may reach, and why not the others."""

    contacts: int
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


@st.cache_data(ttl=10.0, show_spinner=False, hash_funcs={Desk: scope})
def stock(desk: Desk) -> Stock:
    """All contacts, and whom marketing may reach now."""
    with desk.store.read() as conn:
        total = contacts.count(conn, desk.account_id)
    with audience_of(desk.store, desk.account_id) as audience:
        members = audience.members([Everyone()], [], kind="marketing", now=desk.now())
    left_out = dict(members["left_out"].drop_nulls().value_counts().iter_rows())
    return Stock(total, members["left_out"].null_count(), left_out)
