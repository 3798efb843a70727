"""Thresholds judge only what is enough to be judged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.thresholds import Level, Threshold, could_be_critical, has_escalated, judge, wilson

COMPLAINTS = Threshold("complaint_rate", "campaign", "campaign", None, 0.001, 0.003, 1000, 5, "pause")
REFUSALS = Threshold("refusal_rate", "campaign_provider", "15 min", 900, 0.05, 0.2, 100, 1, "pause_slice")
COUNTS = st.integers(0, 5_000)


def test_one_of_twenty_is_no_alarm():
    """Below either minimum nothing is judged, at them it is, by what stands in the row."""
    assert judge(COMPLAINTS, 1, 20) is Level.OK
    assert judge(COMPLAINTS, 4, 1000) is Level.OK
    assert judge(COMPLAINTS, 5, 999) is Level.OK
    assert judge(COMPLAINTS, 5, 1000) is Level.CRITICAL
    assert judge(COMPLAINTS, 5, 5000) is Level.WARNING
    assert judge(COMPLAINTS, 5, 5001) is Level.OK
    assert judge(REFUSALS, 20, 100) is Level.CRITICAL
    assert judge(REFUSALS, 0, 0) is Level.OK


@given(numerator=COUNTS, sent=COUNTS, more_sent=COUNTS)
def test_the_short_cut_never_overlooks_a_critical_rate(numerator: int, sent: int, more_sent: int):
    """Whatever was sent since the denominator was seen, a critical rate is one that could have been."""
    for threshold in (COMPLAINTS, REFUSALS):
        if judge(threshold, numerator, sent + more_sent) is Level.CRITICAL:
            assert could_be_critical(threshold, numerator, sent)


def test_a_healthy_rate_is_not_counted_again():
    """A tenth of the line at the denominator last seen: no new event can have passed it."""
    assert not could_be_critical(COMPLAINTS, 30, 100_000)
    assert could_be_critical(COMPLAINTS, 300, 100_000)


@given(denominator=st.integers(1, 10_000_000), share=st.floats(0, 1))
def test_the_interval_holds_the_share(denominator: int, share: float):
    """It lies around the share, within 0 and 1, and there is none over nothing."""
    numerator = int(denominator * share)
    low, high = wilson(numerator, denominator) or (2, -1)
    assert 0 <= low <= numerator / denominator <= high <= 1
    assert wilson(0, 0) is None


def test_only_what_is_new_and_twice_as_bad_escalates():
    """The figures that an analyst went on with do not stop the campaign again, nor do a few more."""
    assert not has_escalated(COMPLAINTS, before=(10, 2000), now=(10, 2000))
    assert not has_escalated(COMPLAINTS, before=(10, 2000), now=(14, 1400))
    assert not has_escalated(COMPLAINTS, before=(10, 2000), now=(20, 4000))
    assert has_escalated(COMPLAINTS, before=(10, 2000), now=(30, 3000))
