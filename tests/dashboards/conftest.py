"""Fixtures of the pages' tests; what they are made of lies in pages_world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from pages_world import PATIENCE_MS, Browser, Home, furnish, new_home
from playwright.sync_api import expect

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The furnished installation, the same for all tests: none may change its accounts with history."""
    home = new_home(tmp_path_factory.mktemp("pages"))
    furnish(home)
    yield home
    home.store.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Home]:
    """An installation without any account, lake or marts."""
    home = new_home(tmp_path)
    yield home
    home.store.close()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """Pages, with nothing left over from another test."""
    st.cache_data.clear()
    yield Browser(monkeypatch)
    st.cache_resource.clear()
