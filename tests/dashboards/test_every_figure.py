"""Each figure on each page is the mart's, to the digit: a walk through all pages."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from pages_world import Home

from bench.world import world as bench_world
from sillage.lake.build import build_marts
from sillage.store.database import Store
from tests.walk import Walk, everywhere

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("slug", ["maison", "alarm", "odd"])
def test_every_figure_of_an_account_is_the_marts(world: Home, monkeypatch: pytest.MonkeyPatch, slug: str) -> None:
    """Running and closed campaigns, alarming ones, and such as reached nobody, one person or machines alone."""
    walk = Walk(world.settings, world.store, slug, monkeypatch)
    assert everywhere(walk, lists_of=2) > 100


def test_every_figure_of_the_bench_world_is_the_marts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The world of the benchmarks, smaller: skewed campaigns, events that come late, twice and in no order."""
    settings = bench_world(tmp_path / "world", contacts=10_000, campaigns_count=4)
    build_marts(settings)
    with closing(Store(settings.database_url)) as store:
        assert everywhere(Walk(settings, store, "bench", monkeypatch), lists_of=1) > 100
