"""What is out of order, in the words of the language that is asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboards.alarms import why_paused
from dashboards.words import Words
from sillage.domain.ids import CampaignId
from sillage.store.incidents import Incident

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _incident(provider: str | None = None, ended_at: datetime | None = None) -> Incident:
    return Incident(
        CampaignId(1), provider, "complaint_rate", "campaign", "campaign", 7, 1200, 7 / 1200, 0.003, "pause", NOON,
        ended_at, "resumed" if ended_at else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", "Complaints 0.58\u00a0% (7 of 1,200), critical from 0.30\u00a0%, whole campaign"),
        ("fr", "Plaintes : 0,58\u00a0% (7 sur 1\u202f200), critique à partir de 0,30\u00a0%, toute la campagne"),
    ],
)
def test_why_a_campaign_paused_itself_is_said_in_the_readers_language(locale: str, said: str) -> None:
    """The figures of the incident that still stands, not the line that is kept for the log."""
    assert why_paused(Words(locale), "complaint_rate 0.58% (7 of 1,200)", [_incident()]) == said


def test_why_paused_keeps_apart_the_whole_and_its_parts_and_what_has_ended() -> None:
    """A part at one provider has its own incident, and one that a person ended explains nothing any more."""
    stopped = [_incident("orange"), _incident(ended_at=NOON)]
    assert why_paused(Words("en"), "by hand", stopped) == "by hand"
    assert why_paused(Words("fr"), "by hand", stopped) == "à la main"
    assert why_paused(Words("en"), None, stopped, "orange").startswith("Complaints")
    assert why_paused(Words("fr"), "stock épuisé", []) == "stock épuisé"
