"""How a test of versions stands, on the report: the verdict in words, its picture, and the winner by hand."""

from __future__ import annotations

import streamlit as st

from dashboards import ab_chart, figures
from dashboards.ab_form import CRITERIA, OTHERWISE
from dashboards.freshness import DETAILS_S, cached
from dashboards.shell import Desk
from dashboards.words import NOTHING, Words, plain
from sillage.campaign.ab_decide import Watched, choose, watch
from sillage.domain.ab_posterior import Belief, beliefs
from sillage.domain.ab_test import Criterion, How
from sillage.domain.ab_verdict import Standing
from sillage.domain.campaign import CampaignState
from sillage.domain.ids import CampaignId
from sillage.errors import NotFound, TransientError

RATES = {
    Criterion.CLICKS: "click rate",
    Criterion.OPENS: "open rate",
    Criterion.REACTIVITY: "click-to-open",
    Criterion.CONVERSIONS: "conversion rate",
    Criterion.UNSUBSCRIBES: "unsubscribe rate",
}
_STARTED = frozenset({CampaignState.SENDING, CampaignState.WAITING, CampaignState.PAUSED, CampaignState.HELD})
_DIGITS = 2


@cached(DETAILS_S, waits=False)
def watched(desk: Desk, campaign_id: CampaignId) -> Watched | None:
    """The test of a campaign as of now; None where it has none, or nothing is counted yet."""
    try:
        return watch(desk.store, desk.reader, desk.account_id, campaign_id, now=desk.now())
    except (NotFound, TransientError):
        return None


def result(desk: Desk, campaign_id: CampaignId) -> bool:
    """Draw the test of a campaign; whether it has one."""
    seen = watched(desk, campaign_id)
    if seen is None:
        return False
    words = desk.words
    names = {int(v.id): v.name for v in seen.variants}
    counts = {arm: seen.counts[arm] for arm in names}
    st.subheader(words.t("The test"))
    st.markdown(f"**{verdict(words, seen, names)}**")
    st.caption(_terms(words, seen))
    believed = beliefs(counts, criterion=seen.kept.test.criterion)
    if any(count.people for count in counts.values()):
        _pictures(words, seen, names, believed)
    figures.table(
        [words.t(h) for h in ("Version", "People", "Reacted", "Rate", "95 %", "Against A", "Chance to be best")],
        [
            [
                plain(name),
                words.number(counts[arm].people),
                words.number(counts[arm].reacted),
                words.percent(counts[arm].rate, _DIGITS) if counts[arm].rate is not None else NOTHING,
                words.span(believed[arm].low, believed[arm].high, _DIGITS) if counts[arm].people else NOTHING,
                _lift(words, believed[arm]) if counts[arm].people else NOTHING,
                words.percent(believed[arm].best, 0) if counts[arm].people else NOTHING,
            ]
            for arm, name in names.items()
        ],
    )
    _choice(desk, seen)
    return True


def verdict(words: Words, seen: Watched, names: dict[int, str]) -> str:
    """What the looks say, and what was done about it."""
    decision = seen.kept.decision
    found = seen.verdict
    if found.standing is Standing.SURE:
        said = words.t(
            "%(name)s is ahead of all others beyond chance, at an age of %(hours)s.",
            name=plain(names.get(found.winner or 0, "")), hours=words.n("%(count)s hour", "%(count)s hours", found.age),
        )  # fmt: skip
    elif found.standing is Standing.INCONCLUSIVE or seen.is_over:
        said = words.t("Nobody is ahead beyond chance, and the time is over.")
    elif found.standing is Standing.OPEN:
        said = words.t("Nobody is ahead beyond chance so far.")
    else:
        said = words.t("Too early to say: too few people, reactions or hours.")
    if decision is None:
        return said
    if decision.winner is None:
        return said + " " + words.t("The rest gets nothing, as was set.")
    name = plain(names.get(int(decision.winner), ""))
    ended = {
        How.SURE: words.t("The rest gets version %(name)s.", name=name),
        How.HAND: words.t("Chosen by hand: the rest gets version %(name)s.", name=name),
        How.INCONCLUSIVE: words.t("The rest gets version %(name)s, as was set.", name=name),
    }[decision.how]
    return f"{said} {ended}"


def _terms(words: Words, seen: Watched) -> str:
    test = seen.kept.test
    parts = [
        words.t("The winner has the %(criterion)s.", criterion=words.t(CRITERIA[test.criterion])),
        words.t("Versions are compared when their messages are equally old: now %(age)s of %(hours)s hours.",
                age=words.number(seen.age), hours=words.number(test.hours)),
    ]  # fmt: skip
    if seen.held:
        parts.append(
            words.n("%(count)s person waits for the winner.", "%(count)s people wait for the winner.", seen.held)
        )
    if seen.kept.decision is None:
        parts.append(words.t("Where nobody is sure, the rest gets %(what)s.", what=words.t(OTHERWISE[test.otherwise])))
    return " ".join(parts)


def _pictures(words: Words, seen: Watched, names: dict[int, str], believed: dict[int, Belief]) -> None:
    rate = words.t(RATES[seen.kept.test.criterion])
    left, right = st.columns(2, gap="large")
    with left:
        rows = ab_chart.posterior_rows(names, {arm: seen.counts[arm] for arm in names})
        st.altair_chart(ab_chart.posteriors(rows, words, title=words.t("what is believed of the %(rate)s", rate=rate)),
                        key="ab_posteriors")  # fmt: skip
    with right:
        first = names[next(iter(names))]
        lifts = [
            {
                "label": words.t("%(name)s against %(first)s", name=name, first=first),
                "lift": belief.lift,
                "low": belief.lift_low,
                "high": belief.lift_high,
                "text": _lift(words, belief),
            }
            for name, belief in ((names[arm], believed[arm]) for arm in names)
            if belief.lift is not None
        ]
        st.altair_chart(ab_chart.lifts(lifts, words, title=words.t("difference of the %(rate)s, in points", rate=rate)),
                        key="ab_lifts")  # fmt: skip


def _lift(words: Words, belief: Belief) -> str:
    if belief.lift is None or belief.lift_low is None or belief.lift_high is None:
        return NOTHING
    return words.t(
        "%(lift)s (%(low)s to %(high)s)", lift=_signed(words, belief.lift), low=_signed(words, belief.lift_low),
        high=_signed(words, belief.lift_high),
    )  # fmt: skip


def _signed(words: Words, share: float) -> str:
    sign = "+" if share > 0 else "−" if share < 0 else ""  # noqa: RUF001  # a minus, as wide as the plus
    return sign + words.percent(abs(share), _DIGITS)


def _choice(desk: Desk, seen: Watched) -> None:
    """A button for each version, while the test is open: what can't be undone is asked with its number."""
    if seen.kept.decision is not None or seen.campaign.state not in _STARTED or not seen.held:
        return
    words = desk.words
    with st.container(horizontal=True, vertical_alignment="center"):
        for number, version in enumerate(seen.variants):
            with st.popover(words.t("Choose version %(name)s", name=version.name)):
                st.markdown(words.t("The test ends, and the rest gets version %(name)s. It can't be undone.",
                                    name=plain(version.name)))  # fmt: skip
                label = words.n("Send it to %(count)s person", "Send it to %(count)s people", seen.held)
                if st.button(label, type="primary", key=f"choose_{number}"):
                    with desk.store.write() as conn:
                        choose(conn, desk.account_id, seen.campaign.id, version.name, by="page", now=desk.now())
                    st.cache_data.clear()
                    st.rerun()
