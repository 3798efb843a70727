"""An installation in a temporary directory for each test of the lake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lake_home import NOON, SECRET, Installation
from pydantic import SecretStr

from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import accounts


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    """An installation with one account."""
    settings = Settings(data_dir=tmp_path, secret=SecretStr(SECRET))
    store = Store(settings.database_url)
    upgrade(store)
    with store.write() as conn:
        conn.execute(accounts.insert().values(id=1, slug="acme", name="Acme", created_at=NOON))
    yield Installation(settings, store)
    store.close()
