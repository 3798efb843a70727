"""The lines of a segment that ask what people did, what they agreed to, and which other segment they are in."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import queries, segment_queries
from dashboards.shell import Desk
from dashboards.words import Words
from sillage.campaign.sentence import CONSENT, DEVICES, PURPOSES

Tree = dict[str, Any]

KINDS = {
    "engaged": "Opens and clicks",
    "consent": "Consent",
    "bounced": "Returned mail",
    "device": "Device",
    "visited": "Pages seen",
    "converted": "Conversion",
    "suppressed": "Suppressed address",
    "segment": "Another segment",
}
DID = {
    "opened": "opened",
    "clicked": "clicked",
    "not_opened": "did not open",
    "not_clicked": "did not click",
    "received": "were sent",
}
SCOPES = {
    "any": "any campaign",
    "last": "the last campaigns sent to them",
    "campaign": "one campaign",
    "link": "one link",
}
CLASSES = ["npai", "hard", "soft", "transient", "block", "unknown"]


def clause(desk: Desk, kind: str, place: str, where: list[Any]) -> Tree | None:  # noqa: PLR0911  # one for each kind
    """The clause of one line; None while it is not said."""
    words, (how, value) = desk.words, where
    match kind:
        case "engaged":
            return _engaged(desk, place, how, value)
        case "consent":
            return _consent(words, place, how, value)
        case "segment":
            with how:
                name = st.selectbox(
                    words.t("Segment"), segment_queries.names(desk), index=None, key=f"segment_nested{place}"
                )
            return {"kind": "segment", "name": name} if name else None
        case "device":
            with how:
                device = st.selectbox(words.t("Device"), list(DEVICES), key=f"segment_device{place}",
                                      format_func=lambda d: words.t(DEVICES[d]))  # fmt: skip
            return {"kind": "device", "device": device, **_days(words, place, value)}
        case "bounced":
            with how:
                classes = st.multiselect(words.t("Classes"), CLASSES, key=f"segment_classes{place}")
            return {"kind": "bounced", "classes": classes, **_days(words, place, value)}
        case "visited":
            with how:
                page = st.text_input(words.t("Text in the address of the page"), key=f"segment_page{place}").strip()
            return {"kind": "visited", "page": page, **_days(words, place, value)}
        case "converted":
            return {"kind": "converted", **_days(words, place, value)}
        case _:
            return {"kind": "suppressed"}


def _days(words: Words, place: str, where: Any) -> Tree:
    with where:
        days = st.number_input(
            words.t("In the last days"), 0, 36_600, None, key=f"segment_days{place}", placeholder=words.t("ever")
        )
    return {} if days is None else {"days": int(days)}


def _consent(words: Words, place: str, how: Any, value: Any) -> Tree:
    with how:
        state = st.selectbox(words.t("How"), list(CONSENT), key=f"segment_consent{place}",
                             format_func=lambda s: words.t(CONSENT[s], purpose="…"))  # fmt: skip
    purposes = list(PURPOSES) if state != "lapsed" else ["marketing"]
    with value:
        purpose = st.selectbox(words.t("Purpose"), purposes, key=f"segment_purpose{place}",
                               format_func=lambda p: words.t(PURPOSES[p]))  # fmt: skip
    return {"kind": "consent", "state": state, "purpose": purpose}


def _engaged(desk: Desk, place: str, how: Any, value: Any) -> Tree | None:
    words = desk.words
    with how:
        did = st.selectbox(words.t("How"), list(DID), key=f"segment_did{place}", format_func=lambda d: words.t(DID[d]))
    scopes = list(SCOPES) if "clicked" in did else list(SCOPES)[:3]
    with value:
        scope = st.selectbox(
            words.t("Of what"), scopes, key=f"segment_scope{place}", format_func=lambda s: words.t(SCOPES[s])
        )
    node: Tree = {"kind": "engaged", "did": did}
    first, second, third = st.columns([2, 2, 3], vertical_alignment="bottom")
    if scope in {"campaign", "link"} and (which := _campaign(desk, place, third, of_link=scope == "link")) is None:
        return None
    if scope in {"campaign", "link"}:
        node |= which or {}
    if scope == "last":
        with first:
            node["last"] = int(st.number_input(words.t("Last campaigns"), 1, 60, 5, key=f"segment_last{place}"))
    else:
        node |= _days(words, place, first)
    if did not in {"not_opened", "not_clicked"} and scope in {"any", "last"}:
        with second:
            node["at_least"] = int(st.number_input(words.t("At least"), 1, 1000, 1, key=f"segment_least{place}"))
    return node


def _campaign(desk: Desk, place: str, where: Any, *, of_link: bool) -> Tree | None:
    words = desk.words
    with where:
        if of_link:
            url = st.selectbox(words.t("Link"), queries.link_urls(desk), index=None, key=f"segment_url{place}")
            return {"url": url} if url else None
        named = queries.campaign_names(desk)
        chosen = st.selectbox(words.t("Campaign"), list(named), index=None, key=f"segment_campaign{place}",
                              format_func=named.__getitem__)  # fmt: skip
        return {"campaign": chosen} if chosen is not None else None
