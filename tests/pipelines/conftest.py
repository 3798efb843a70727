"""An installation that Dagster's code finds through the environment, as it does in production."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sillage.settings import Settings
from sillage.store.database import Store
from tests.conftest import SECRET
from tests.world import World

with warnings.catch_warnings():
    # dbt's own parser warns that it is out of date, once, when it is imported.
    warnings.simplefilter("ignore")
    import dagster_dbt  # noqa: F401


def pytest_configure(config: pytest.Config) -> None:
    """Dagster itself asks pydantic in an old way whenever a resource is made."""
    config.addinivalue_line("filterwarnings", "ignore:The `__fields__` attribute is deprecated")


@pytest.fixture
def home(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """An installation with one account, `maison`."""
    monkeypatch.setenv("SILLAGE_SECRET", SECRET)
    monkeypatch.setenv("SILLAGE_DATA_DIR", str(settings.data_dir))
    return World(store, settings)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's own memory of runs, empty."""
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture(scope="session")
def loaded_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory that the definitions were loaded with; the dbt project is parsed into it once."""
    return tmp_path_factory.mktemp("loaded")


@pytest.fixture(scope="session")
def defs(loaded_in: Path) -> dg.Definitions:
    """The definitions as the server loads them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SILLAGE_SECRET", SECRET)
        patch.setenv("SILLAGE_DATA_DIR", str(loaded_in))
        from pipelines.definitions import defs as found
    return found
