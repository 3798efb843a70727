"""How far a campaign has come: what of its plan has been handed over. Counts of ops, no metric."""

from __future__ import annotations

import streamlit as st

from dashboards.words import Words
from sillage.domain.campaign import CampaignState
from sillage.domain.delivery import HAND_OVER_STATES
from sillage.store.campaigns import Balance

SENDING = (CampaignState.SENDING, CampaignState.WAITING, CampaignState.PAUSED)


def handed_over(balance: Balance) -> int:
    """Recipients that are done with, one way or the other."""
    return sum(balance[state] for state in HAND_OVER_STATES)


def bar(words: Words, balance: Balance, state: CampaignState) -> None:
    """A bar with both numbers, while there is something to be seen on it."""
    if state not in SENDING or not balance.audience:
        return
    done = handed_over(balance)
    text = words.t("%(done)s of %(all)s handed over", done=words.number(done), all=words.number(balance.audience))
    st.progress(done / balance.audience, text=text)
