"""Figures in words: comparisons that a reader may rely on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dashboards import verdict
from dashboards.queries import Details
from dashboards.words import Words
from sillage.domain.campaign import CampaignState

EN = Words("en", "UTC")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = {1: "A", 2: "B"}


def _details(**parts: list[dict[str, Any]]) -> Details:
    names = ("whole", "variants", "providers", "bounces", "links", "curve")
    empty: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    return Details(NOON, None, **{**empty, **parts}, took_s=0.0)  # type: ignore[arg-type]  # the campaign isn't asked


def _variant(number: int, clicked: int, delivered: int = 3_000) -> dict[str, Any]:
    return {
        "variant_id": number, "click_rate": clicked / delivered, "human_click_count": clicked,
        "delivered_count": delivered,
    }  # fmt: skip


def test_a_variant_wins_only_beyond_chance() -> None:
    """A difference that chance can make names no winner; a larger one does, and says how large it is."""
    apart = _details(variants=[_variant(1, 300), _variant(2, 420)])
    close = _details(variants=[_variant(1, 300), _variant(2, 330)])
    assert verdict.of_variants(EN, apart, NAMES, CampaignState.CLOSED).startswith("B is clicked more")
    assert "B against A: 14.00\u00a0% against 10.00\u00a0%" in verdict.of_variants(
        EN, apart, NAMES, CampaignState.CLOSED
    )
    assert verdict.of_variants(EN, close, NAMES, CampaignState.CLOSED).startswith("No variant is ahead")


def test_no_variant_wins_while_the_campaign_runs() -> None:
    """Whoever looks each hour finds a winner by chance, so nobody is named before the end."""
    apart = _details(variants=[_variant(1, 300), _variant(2, 420)])
    assert verdict.of_variants(EN, apart, NAMES, CampaignState.SENDING).startswith("Too early")


def test_a_provider_is_odd_only_beyond_chance() -> None:
    """A provider whose interval meets the campaign's is not marked."""
    rows = [
        {"provider": "orange", "bounce_rate_low": 0.05},
        {"provider": "free", "bounce_rate_low": 0.01},
        {"provider": "sfr", "bounce_rate_low": None},
    ]
    assert verdict.odd_providers(_details(whole=[{"bounce_rate_high": 0.02}], providers=rows)) == {"orange"}


def test_half_time_is_when_half_had_come() -> None:
    """Of 10, 10 and 20 in three minutes, half had come by the end of the second."""
    curve = [{"minute_at": NOON + timedelta(minutes=n), "opens": count} for n, count in enumerate((10, 10, 20))]
    assert verdict.half_time(curve, "opens") == 2
    assert verdict.half_time(curve[:1], "opens") is None
