"""Recurring campaigns on their page: what goes on and what became of it, and the form that begins one."""

from __future__ import annotations

from datetime import time, timedelta
from itertools import islice
from typing import Any

import streamlit as st

from dashboards.draft_parts import author
from dashboards.shell import Desk, boundary, link
from dashboards.words import Words, plain
from sillage.campaign import recurring
from sillage.campaign.recurring import zone_of
from sillage.domain.recurrence import Clocks, Occurrence, daily, monthly, occurrences, parse_rule, weekly
from sillage.errors import BadInput
from sillage.store import drafts, recurrences
from sillage.store.recurrences import Happened, OccurrenceState, Recurrence, RecurrenceState

DAILY, WEEKLY, MONTHLY, CRON = "daily", "weekly", "monthly", "cron"
HOW = {DAILY: "each day", WEEKLY: "each week", MONTHLY: "each month", CRON: "a cron line"}
STATES = {"active": "goes on", "paused": "pauses", "ended": "has ended"}
HAPPENED = {"made": "made", "missed": "missed", "failed": "could not be made"}
CLOCKS = {
    Clocks.SKIPPED: "the clocks leave this hour out: it leaves as much later",
    Clocks.TWICE: "the clocks have this hour twice: it leaves at the first",
}
WEEKDAYS = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
ICONS = {"made": ":material/check_circle:", "missed": ":material/event_busy:", "failed": ":material/error:"}
COLOURS = {"active": "green", "paused": "orange", "ended": "gray"}
SHOWN, NEXT = 5, 3


def calls(desk: Desk) -> list[tuple[str, str]]:
    """What could not be made or was missed in the last week: the words, and how bad it is."""
    words = desk.words
    with desk.store.read() as conn:
        told = recurrences.happened(conn, desk.account_id, since=desk.now() - timedelta(days=7))
        names = {r.id: r.name for r in recurrences.listed(conn, desk.account_id)} if told else {}
    found = []
    for one in told[:SHOWN]:
        if one.state is OccurrenceState.MADE:
            continue
        name, moment = plain(names.get(one.recurrence_id, "")), words.minute(one.occurs_at)
        if one.state is OccurrenceState.FAILED:
            text = words.t("%(name)s could not be made for %(moment)s: %(why)s", name=name, moment=moment,
                           why=plain(one.words))  # fmt: skip
        else:
            text = words.t("%(name)s was missed on %(moment)s: nothing was running then.", name=name, moment=moment)
        found.append((text, "critical" if one.state is OccurrenceState.FAILED else "warning"))
    return found


def listed(desk: Desk) -> None:
    """Each with its rule in words, its next times, what became of the last ones, and its buttons."""
    words = desk.words
    with desk.store.read() as conn:
        found = recurrences.listed(conn, desk.account_id)
        told = recurrences.happened(conn, desk.account_id)
    if not found:
        st.info(words.t("Nothing recurs yet. Write a mail once, and say below when it leaves again and again."),
                icon=":material/event_repeat:")  # fmt: skip
    for one in found:
        with st.container(border=True):
            _card(desk, one, [h for h in told if h.recurrence_id == one.id][:SHOWN])


def _card(desk: Desk, one: Recurrence, told: list[Happened]) -> None:
    words = desk.words
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(one.name)}**", width="content")
        st.badge(words.t(STATES[one.state.value]), color=COLOURS[one.state.value])  # type: ignore[arg-type]
    st.caption(f"{in_words(words, one.rule)} · {desk.account.timezone}")
    if one.state is RecurrenceState.ACTIVE:
        times = islice(occurrences(parse_rule(one.rule), zone_of(desk.account), after=desk.now()), NEXT)
        st.markdown("  \n".join(f":material/event: {coming(words, when)}" for when in times))
    for last in told:
        _line(desk, last)
    with st.container(horizontal=True, vertical_alignment="center"):
        link(words.t("Change its content"), "editor", icon=":material/edit_document:",
             params={"draft": str(one.draft_id)})  # fmt: skip
        link(words.t("Change its audience"), "new_campaign", icon=":material/group:",
             params={"draft": str(one.draft_id)})  # fmt: skip
        if one.state is RecurrenceState.ACTIVE and st.button(
            words.t("Pause"), icon=":material/pause:", key=f"recurring_pause_{one.id}"
        ):
            with desk.store.write() as conn:
                recurring.pause(conn, desk.account_id, one.id)
            st.rerun()
        if one.state is RecurrenceState.PAUSED and st.button(
            words.t("Resume"), icon=":material/play_arrow:", key=f"recurring_resume_{one.id}",
            help=words.t("From the next time on; those of the pause are not made up for."),
        ):  # fmt: skip
            with desk.store.write() as conn:
                recurring.resume(conn, desk.account_id, one.id, now=desk.now())
            st.rerun()
        if one.state is not RecurrenceState.ENDED:
            with st.popover(words.t("End"), icon=":material/stop_circle:", key=f"ask_recurring_end_{one.id}"):
                st.write(words.t("Campaigns that were made stay. It can't be begun again."))
                if st.button(words.t("End it for good"), type="primary", key=f"recurring_end_{one.id}"):
                    with desk.store.write() as conn:
                        recurring.end(conn, desk.account_id, one.id)
                    st.rerun()


def _line(desk: Desk, last: Happened) -> None:
    words = desk.words
    label = f"{words.minute(last.occurs_at)} · {words.t(HAPPENED[last.state.value])}"
    if last.campaign_id is not None:
        link(label, "report", icon=ICONS["made"], params={"campaign": str(last.campaign_id)})
    else:
        st.caption(f"{ICONS[last.state.value]} {label}: {plain(last.words)}")


def form(desk: Desk) -> None:
    """Begin one: of which draft, when, and how late it may be."""
    words = desk.words
    with desk.store.read() as conn:
        found = drafts.listed(conn, desk.account_id)
    st.subheader(words.t("Begin a recurring campaign"))
    if not found:
        st.caption(words.t("It is made of a draft: write one first, and fill in the form of its campaign."))
        link(words.t("New campaign"), "new_campaign", icon=":material/edit_square:")
        return
    named = {draft.id: draft.name for draft in found}
    with st.container(border=True), boundary(words):
        left, right = st.columns(2)
        draft = left.selectbox(
            words.t("Made of the draft"), list(named), format_func=named.__getitem__, key="recurring_draft",
            help=words.t("Each time takes its content and its form as they are then."),
        )  # fmt: skip
        name = right.text_input(words.t("Name"), key="recurring_name", help=words.t("The day is put behind it."))
        rule = _rule(desk)
        hours = st.number_input(
            words.t("How many hours late a missed time may still leave"), 0, 168, 2, key="recurring_grace"
        )
        _preview(desk, rule)
        if st.button(words.t("Begin it"), type="primary", icon=":material/event_repeat:", key="recurring_begin"):
            with desk.store.write() as conn:
                recurring.begin(
                    conn, desk.settings, desk.account, name=name, draft_id=int(draft or 0), rule=rule,
                    grace=timedelta(hours=int(hours)), by=author(desk), now=desk.now(),
                )  # fmt: skip
            st.rerun()


def _rule(desk: Desk) -> str:
    """The rule that the boxes say, as a cron line."""
    words = desk.words
    how = st.segmented_control(
        words.t("It leaves"), list(HOW), default=WEEKLY, required=True, key="recurring_how",
        format_func=lambda h: words.t(HOW[h]),
    )  # fmt: skip
    if how == CRON:
        return st.text_input(
            words.t("Cron line"), "0 9 * * MON", key="recurring_cron",
            help=words.t("MINUTE HOUR DAY MONTH WEEKDAY; L is the last day of the month."),
        )  # fmt: skip
    left, right = st.columns(2)
    label = words.t("At (%(zone)s)", zone=desk.account.timezone)
    at: Any = right.time_input(label, time(9, 0), key="recurring_time", step=timedelta(minutes=5))
    if how == DAILY:
        return daily(at)
    if how == WEEKLY:
        days = left.multiselect(
            words.t("On"), list(range(7)), default=[0], key="recurring_days",
            format_func=lambda d: words.t(WEEKDAYS[d]),
        )  # fmt: skip
        if not days:
            raise BadInput(words.t("Choose at least one day of the week."), code="bad_rule")
        return weekly(list(days), at)
    day = left.selectbox(
        words.t("On day"), [*range(1, 32), None], key="recurring_day",
        format_func=lambda d: words.t("the last one") if d is None else str(d),
        help=words.t("A month without that day is left out."),
    )  # fmt: skip
    return monthly(day, at)


def _preview(desk: Desk, rule: str) -> None:
    words = desk.words
    found = list(islice(occurrences(parse_rule(rule), zone_of(desk.account), after=desk.now()), NEXT))
    st.caption(words.t("Next: %(times)s", times=words.both(coming(words, one) for one in found)))


def coming(words: Words, one: Occurrence) -> str:
    """A time to come, and what the clocks do to it."""
    told = f" ({words.t(CLOCKS[one.clocks])})" if one.clocks in CLOCKS else ""
    return f"{words.weekday(one.at)}{told}"


def in_words(words: Words, text: str) -> str:
    """A rule as a person says it; what no preset says is its cron line."""
    rule = parse_rule(text)
    if len(rule.hours) == 1 and len(rule.months) == 12:  # noqa: PLR2004  # every month
        at = f"{rule.hours[0]:02}:{rule.minute:02}"
        if rule.days is None and rule.weekdays is None:
            return words.t("each day at %(time)s", time=at)
        if rule.days is None and rule.weekdays is not None:
            days = words.both(words.t(WEEKDAYS[d]) for d in sorted(rule.weekdays))
            return words.t("each %(days)s at %(time)s", days=days, time=at)
        if rule.days is not None and rule.weekdays is None and len(rule.days) + rule.has_last_day == 1:
            if rule.has_last_day:
                return words.t("on the last day of each month at %(time)s", time=at)
            return words.t("on day %(day)s of each month at %(time)s", day=next(iter(rule.days)), time=at)
    return plain(rule.text)
