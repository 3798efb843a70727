"""A campaign that passes a critical line stops by itself, and no further than it has to."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import guard
from bench.guard import PEOPLE, Fault
from sillage.store import alerts, incidents

pytestmark = pytest.mark.slow


def test_a_campaign_that_bounces_stops_and_a_resumed_one_goes_on(tmp_path: Path):
    """It stops at the line, says by which figures, and once resumed the same events do not stop it again."""

    def direct(fault: Fault) -> None:
        guard.until(lambda: bool(fault.incidents()), "the guard")
        guard.until(lambda: fault.state() == "paused", "the pause")
        crossed = guard.crossed_at(fault.server.answers, None)
        assert crossed is not None
        (incident,) = fault.incidents()
        assert (incident.metric, incident.action, incident.provider) == ("permanent_bounce_rate", "pause", None)
        assert incident.value == incident.numerator / incident.denominator >= incident.critical_at
        assert incident.denominator > guard.SOUR_AT
        assert len(fault.server.answers) < PEOPLE
        with fault.store.read() as conn:
            states = alerts.states(conn, fault.account_id, raised=True)
        assert [(s.level, s.change, s.facts["metric"]) for s in states] == [("critical", 1, "permanent_bounce_rate")]
        fault.resume()
        guard.until(lambda: fault.state() == "closed", "the rest")
        assert len(fault.incidents()) == 1
        assert fault.incidents()[0].ended_how == "resumed"

    guard.with_fault(tmp_path, None, direct)


def test_a_fault_at_one_provider_stops_that_slice_alone(tmp_path: Path):
    """What is put off at one provider stops there; everybody else gets it; then the slice is let go on."""

    def direct(fault: Fault) -> None:
        guard.until(lambda: bool(fault.incidents()), "the guard")
        (incident,) = fault.incidents()
        assert (incident.metric, incident.action, incident.provider) == ("refusal_rate", "pause_slice", "orange")
        assert fault.state() == "sending"
        others = sum(1 for n in range(1, PEOPLE + 1) if guard.PROVIDERS[n % 3] != "orange")
        guard.until(
            lambda: sum(code == 250 for _, of, code in fault.server.answers if of != "orange") == others,
            "everybody else",
        )
        with fault.store.read() as conn:
            (paused,) = incidents.paused_slices_of(conn, fault.account_id, fault.campaign_id)
        assert paused.provider == "orange"
        assert "refusal_rate" in paused.why
        assert fault.state() in {"sending", "waiting"}
        assert len(fault.incidents()) == 1

    guard.with_fault(tmp_path, "orange", direct)
