"""Approvals: campaigns that wait for a second person, or one of them: `?campaign=ID`."""

from __future__ import annotations

import streamlit as st

from dashboards import approval_parts
from dashboards.shell import Desk, show
from sillage.domain.ids import CampaignId
from sillage.errors import NotFound


def approvals_page(desk: Desk) -> None:
    """One, or all of them."""
    st.title(desk.words.t("Approvals"))
    asked = st.query_params.get("campaign")
    if not asked:
        approval_parts.waiting(desk)
        return
    if not asked.isdecimal():
        raise NotFound(f"no campaign {asked!r}")
    approval_parts.one(desk, CampaignId(int(asked)))


show(approvals_page)
