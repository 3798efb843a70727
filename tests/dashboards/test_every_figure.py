"""Each figure on each page is the mart's, to the digit: a walk through all pages."""

from __future__ import annotations

import pytest
from pages_world import Home

from tests.walk import Walk, everywhere


@pytest.mark.parametrize("slug", ["maison", "alarm", "odd"])
def test_every_figure_of_an_account_is_the_marts(world: Home, monkeypatch: pytest.MonkeyPatch, slug: str) -> None:
    """Running and closed campaigns, alarming ones, and such as reached nobody, one person or machines alone."""
    walk = Walk(world.settings, world.store, slug, monkeypatch)
    assert everywhere(walk, lists_of=2) > 100
