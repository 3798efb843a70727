"""The parts of the page on bounces and complaints: policy with its effect, removals, loops, mail to look at."""

from __future__ import annotations

import streamlit as st

from dashboards import figures, terms
from dashboards.shell import Desk, boundary
from dashboards.words import NOTHING, Words, plain
from sillage.domain.bounce_policy import CHOICES, MAX_COUNT, MAX_DAYS, BouncePolicy, Follow
from sillage.domain.bounce_rules import BounceClass
from sillage.domain.complaint_sums import Sum
from sillage.domain.feedback_loops import LoopKind, loops
from sillage.store import bounces, reported, unmatched

SHOWN = 50


def policy(desk: Desk) -> None:
    """What follows from a bounce, with its effect on the list before anything is saved."""
    words = desk.words
    with desk.store.read() as conn:
        held = bounces.policy_of(conn, desk.account_id)
    follows = dict(held.follows)
    with boundary(words):
        columns = st.columns(2)
        choosable = [kind for kind, choices in CHOICES.items() if len(choices) > 1]
        for number, kind in enumerate(choosable):
            with columns[number % 2]:
                follows[kind] = _choice(words, kind, held)
        st.caption(
            words.t(
                "A block never ends a relation: the person stays, and you have a problem to solve. "
                "Nor does what nobody understands."
            )
        )
        numbers = st.columns(3)
        after = numbers[0].number_input(
            words.t("Recommend removal after (bounces)"), 1, MAX_COUNT, held.recommend_after, key="policy_after"
        )
        days = numbers[1].number_input(words.t("within (days)"), 1, MAX_DAYS, held.within_days, key="policy_days")
        campaigns = numbers[2].number_input(
            words.t("over at least (campaigns)"), 1, MAX_COUNT, held.min_campaigns, key="policy_campaigns"
        )
        chosen = BouncePolicy(follows, int(after), int(days), int(campaigns))
        _effect(desk, chosen)
        if chosen != held:
            _save(desk, chosen)


def _choice(words: Words, kind: BounceClass, held: BouncePolicy) -> Follow:
    choices = list(CHOICES[kind])
    return st.selectbox(
        words.t(terms.BOUNCE_CLASSES[kind]),
        choices,
        index=choices.index(held.of(kind)),
        format_func=lambda follow: words.t(terms.BOUNCE_FOLLOWS[follow]),
        key=f"policy_{kind}",
    )


def _effect(desk: Desk, chosen: BouncePolicy) -> None:
    words = desk.words
    with desk.store.read() as conn:
        effect = bounces.effect(conn, desk.account_id, chosen, now=desk.now())
    tiles = st.columns(4)
    for tile, (label, value) in zip(
        tiles,
        (
            (words.t("To deactivate"), effect.deactivated),
            (words.t("To offer back"), effect.offered_back),
            (words.t("Removal recommended"), effect.recommended),
            (words.t("With a bounce that counts"), effect.counted),
        ),
        strict=True,
    ):
        tile.metric(label, words.number(value))
    st.caption(words.t("On the list as it is now, if this policy held. Nothing changes before you save."))


def _save(desk: Desk, chosen: BouncePolicy) -> None:
    words = desk.words
    with st.container(horizontal=True):
        only = st.button(words.t("Save: it holds from now on"), key="policy_save", type="primary")
        also = st.button(words.t("Save, and do the same to the list"), key="policy_apply")
    if not (only or also):
        return
    with desk.store.write() as conn:
        bounces.save_policy(conn, desk.account_id, chosen, now=desk.now())
        if also:
            bounces.apply_policy(conn, desk.account_id, chosen, now=desk.now())
    st.cache_data.clear()
    st.rerun()


def removals(desk: Desk) -> None:
    """Who should go: mailboxes that stay full or disabled."""
    words = desk.words
    with desk.store.read() as conn:
        found = bounces.recommended(conn, desk.account_id, bounces.policy_of(conn, desk.account_id), now=desk.now())
    if not found:
        st.info(words.t("Nobody has bounced so often that removal is recommended."), icon=":material/check:")
        return
    figures.table(
        [words.t(h) for h in ("Address", "First", "Last", "Bounces", "Campaigns")],
        [
            [
                plain(one.email or NOTHING),
                words.minute(one.first_at),
                words.minute(one.last_at),
                words.number(one.bounces),
                words.number(one.campaigns),
            ]
            for one in found[:SHOWN]
        ],
        left=3,
    )
    label = words.n("Stop mail to %(count)s contact", "Stop mail to %(count)s contacts", len(found))
    with st.popover(words.t("Remove them"), icon=":material/person_remove:"), boundary(words):
        st.write(words.t("They stay in the list and get nothing more by e-mail."))
        if st.button(label, key="remove_recommended", type="primary"):
            with desk.store.write() as conn:
                bounces.remove(conn, desk.account_id, [one.contact_id for one in found], now=desk.now())
            st.cache_data.clear()
            st.rerun()


def feedback(desk: Desk) -> None:
    """The feedback loops to join, ticked where that is done, and what providers tell in sums."""
    words = desk.words
    with desk.store.read() as conn:
        joined = reported.joined(conn, desk.account_id)
    figures.table(
        [words.t(h) for h in ("Joined", "Provider", "Tells", "What must be in place", "Looked at")],
        [
            [
                ":material/check_box:"
                if loop.id in joined
                else ":material/check_box_outline_blank:"
                if loop.kind is not LoopKind.NONE
                else NOTHING,
                f"[{plain(loop.name)}]({loop.join})" if loop.join else plain(loop.name),
                words.t(terms.LOOP_KINDS[loop.kind]),
                plain(words.t(loop.needs)),
                loop.date.isoformat(),
            ]
            for loop in loops()
        ],
        left=5,
    )
    _tick(desk, joined)
    with desk.store.read() as conn:
        sums = reported.listed(conn, desk.account_id, limit=SHOWN)
    st.caption(
        words.t(
            "What providers tell in sums stands beside your own complaints and is never added to them: "
            "nobody knows who is in both."
        )
    )
    if sums:
        figures.table(
            [words.t(h) for h in ("Day", "Source", "About", "Complaints", "Messages", "Rate")],
            [_sum_row(words, one) for one in sums],
            left=3,
        )


def _tick(desk: Desk, joined: frozenset[str]) -> None:
    words = desk.words
    names = {loop.id: loop.name for loop in loops() if loop.kind is not LoopKind.NONE}
    chosen = st.pills(
        words.t("Tick the loops that you have joined"),
        list(names),
        selection_mode="multi",
        default=[loop for loop in names if loop in joined],
        format_func=lambda loop: names[loop],
        key="joined_loops",
    )
    if frozenset(chosen) != joined:
        with desk.store.write() as conn:
            reported.set_joined(conn, desk.account_id, chosen, now=desk.now())
        st.rerun()


def _sum_row(words: Words, one: Sum) -> list[str]:
    rate = words.percent(one.rate, 2)
    return [
        one.day.isoformat(),
        plain(terms.SUM_SOURCES[one.source]),
        plain(one.subject),
        words.number(one.complaints),
        words.number(one.messages),
        words.t("below %(rate)s", rate=rate) if one.rate_is_below else rate,
    ]


def to_look_at(desk: Desk) -> None:
    """Returned mail that nobody could be found for, or that no rule knows."""
    words = desk.words
    with desk.store.read() as conn:
        waiting = unmatched.counted(conn, desk.account_id)
    if not waiting:
        st.info(words.t("No returned mail waits to be looked at."), icon=":material/check:")
        return
    figures.table(
        [words.t(h) for h in ("Kind", "Why", "Last", "Mails")],
        [
            [words.t(terms.MAIL_KINDS[one.kind]), words.t(terms.UNMATCHED[one.reason]), words.minute(one.last_at),
             words.number(one.mails)]
            for one in waiting
        ],
        left=3,
    )  # fmt: skip
    st.caption(words.t("`sillage bounce unmatched` lists the files; they go after 30 days."))
