"""Several versions of a message in the form: in fixed shares, or in a test whose winner goes to the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboards import queries
from dashboards.freshness import CALM_S, cached
from dashboards.shell import Desk
from dashboards.words import Words
from sillage.campaign.ab_setup import RELATIVE_LIFT, AbSpec, proposal
from sillage.campaign.form import NAMES, SHARES, TEST
from sillage.domain.ab_size import Proposal
from sillage.domain.ab_test import DEFAULT_HOURS, MAX_HOURS, Criterion, Decide, Otherwise
from sillage.errors import BadInput
from sillage.lake.usual import Usual, usual

CRITERIA = {
    Criterion.CLICKS: "most clicks",
    Criterion.OPENS: "most opens, of those who may be measured",
    Criterion.REACTIVITY: "best click-to-open",
    Criterion.CONVERSIONS: "most conversions",
    Criterion.UNSUBSCRIBES: "fewest unsubscribes",
}
DECIDE = {Decide.WHEN_SURE: "as soon as it is sure", Decide.AT_TIME: "when the time is over", Decide.BY_HAND: "by hand"}
OTHERWISE = {Otherwise.FIRST: "version A", Otherwise.NOBODY: "nothing"}
_POINT = 100.0
_LEAST_LIFT = 0.01

Content = Callable[[Desk, str], dict[str, Any]]


def versions(desk: Desk, content: Content) -> list[dict[str, Any]]:
    """One to five versions, each as `content` draws it, with its share, or with its own sender and time in a test."""
    words = desk.words
    # What a draft holds of the form stands in the state already: a default beside it would be two.
    held = st.session_state
    held.setdefault("versions", 1)
    count = (
        st.segmented_control(words.t("Versions"), list(range(1, len(NAMES) + 1)), required=True, key="versions") or 1
    )
    if count == 1:
        return [content(desk, "A")]
    held.setdefault("way", TEST)
    way = st.segmented_control(
        words.t("Who gets which"), [TEST, SHARES], required=True, key="way",
        format_func=lambda w: words.t("a test: the winner goes to the rest") if w == TEST else words.t("fixed shares"),
    )  # fmt: skip
    names = NAMES[:count]
    parts = _shares(words, names) if way == SHARES else dict.fromkeys(names, 0)
    found = []
    for tab, name in zip(st.tabs([words.t("Version %(name)s", name=n) for n in names]), names, strict=True):
        with tab:
            version = content(desk, name)
            found.append({**version, "share": parts[name] / 100} if way == SHARES else {**version, **_own(desk, name)})
    return found


def is_test(count: int) -> bool:
    """Whether the form has a test of so many versions."""
    return count > 1 and st.session_state.get("way") == TEST


def _shares(words: Words, names: str) -> dict[str, int]:
    if len(names) == 2:  # noqa: PLR2004  # one number says both
        st.session_state.setdefault("share", 50)
        share = st.slider(words.t("Share of version B, in per cent"), 1, 99, key="share")
        return {"A": 100 - share, "B": share}
    found, even = {}, 100 // len(names)
    columns = st.columns(len(names) - 1)
    for column, name in zip(columns, names[1:], strict=True):
        label = words.t("Share of %(name)s, in per cent", name=name)
        st.session_state.setdefault(f"share_{name}", even)
        found[name] = int(column.number_input(label, 1, 96, key=f"share_{name}"))
    rest = 100 - sum(found.values())
    if rest < 1:
        raise BadInput(words.t("The shares add up to more than 99 per cent: nothing is left for version A."),
                       code="bad_shares")  # fmt: skip
    st.caption(words.t("Version A gets the other %(share)s per cent.", share=words.number(rest)))
    return {"A": rest, **found}


def _own(desk: Desk, name: str) -> dict[str, Any]:
    """What a version of a test may have of its own besides its content."""
    words, own = desk.words, {}
    senders = [None, *queries.senders(desk)]
    left, right = st.columns(2)
    sender = left.selectbox(
        words.t("Sender of this version"), senders, key=f"sender_{name}",
        format_func=lambda s: words.t("as the campaign") if s is None else f"{s.name} <{s.email}>",
    )  # fmt: skip
    st.session_state.setdefault(f"after_{name}", 0)
    after = right.number_input(words.t("Leaves so many hours later"), 0, MAX_HOURS, key=f"after_{name}")
    if sender is not None:
        own["sender"] = {"name": sender.name, "email": sender.email, "reply_to": sender.reply_to}
    return {**own, "after_hours": after}


@cached(CALM_S)
def usual_rates(desk: Desk) -> dict[Criterion, Usual]:
    """The account's usual rates, by criterion."""
    return dict(usual(desk.reader, desk.account_id))


def ab_block(desk: Desk, arms: int, audience: int) -> dict[str, Any]:
    """The settings of a test, and in words how many people it needs; as the plain data of campaign.toml."""
    words, known = desk.words, usual_rates(desk)
    held = st.session_state
    for key, first in (
        ("criterion", list(Criterion)[1]), ("hours", DEFAULT_HOURS), ("decide", Decide.WHEN_SURE),
        ("otherwise", Otherwise.FIRST), ("hold_out", 0),
    ):  # fmt: skip
        held.setdefault(key, first)
    with st.container(border=True):
        st.markdown(f"**{words.t('The test')}**")
        criterion = st.selectbox(words.t("The winner has the"), list(Criterion), key="criterion",
                                 format_func=lambda c: words.t(CRITERIA[c]))  # fmt: skip
        left, right = st.columns(2)
        base = known[criterion]
        held.setdefault(f"lift_{criterion}", max(_LEAST_LIFT, round(base.rate * RELATIVE_LIFT * _POINT, 2)))
        lift = left.number_input(
            words.t("Smallest difference to see, in points"), _LEAST_LIFT, 50.0, step=0.1, key=f"lift_{criterion}",
        )  # fmt: skip
        hours = right.number_input(words.t("Ends after, in hours"), 1, MAX_HOURS, key="hours")
        decide = st.segmented_control(
            words.t("The winner is named"), list(Decide), required=True, key="decide",
            format_func=lambda d: words.t(DECIDE[d]),
        )  # fmt: skip
        otherwise = st.segmented_control(
            words.t("Where nobody is sure, the rest gets"), list(Otherwise), required=True,
            key="otherwise", format_func=lambda o: words.t(OTHERWISE[o]),
        )  # fmt: skip
        out = int(st.number_input(
            words.t("People who get nothing, to measure the campaign against"), 0, 1_000_000, key="hold_out"
        ))  # fmt: skip
        asked = AbSpec(
            criterion=criterion, lift=lift / _POINT, decide=decide or Decide.WHEN_SURE, decide_after_hours=int(hours),
            otherwise=otherwise or Otherwise.FIRST, hold_out=out,
        )  # fmt: skip
        try:
            wanted = proposal(asked, arms, known)
        except BadInput:
            st.warning(words.t("The usual rate is %(rate)s: it can't change by so much. Choose a smaller difference.",
                               rate=words.percent(base.rate, 2)))  # fmt: skip
            return asked.model_dump(mode="json")
        st.markdown(sentence(words, wanted, arms, int(hours), audience, out))
        if not base.is_own:
            st.caption(words.t("The account has sent too little to know its own rates: these are assumed."))
        asked_for = int(held.get("test_size") or wanted.size)
        size = st.number_input(words.t("People of each version"), 1, 10_000_000, asked_for, key=f"size_{wanted.size}")
        if size == wanted.size:
            held.pop("test_size", None)
        else:
            held["test_size"] = int(size)
    exact = "auto" if size == wanted.size else int(size)
    return {**asked.model_dump(mode="json"), "size": exact}


def sentence(words: Words, wanted: Proposal, arms: int, hours: int, audience: int, out: int) -> str:
    """What the test needs, and what is left for the winner."""
    said = words.t(
        "To see a change from %(rate)s to %(better)s with 80 %% certainty within %(hours)s hours, however often you"
        " look, it needs **%(arms)s × %(size)s people**.",  # noqa: RUF001  # times
        rate=words.percent(wanted.rate, 2), better=words.percent(wanted.better, 2), hours=words.number(hours),
        arms=arms, size=words.number(wanted.size),
    )  # fmt: skip
    if not audience:
        return said
    left = audience - arms * wanted.size - out
    if left < 0:
        return said + " " + words.t(
            "Your audience has %(audience)s: too few. All of them will be in the test, which then sees larger"
            " differences only.", audience=words.number(audience),
        )  # fmt: skip
    return said + " " + words.t(
        "Your audience has %(audience)s: %(left)s are left for the winner.", audience=words.number(audience),
        left=words.number(left),
    )  # fmt: skip
