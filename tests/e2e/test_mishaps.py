"""The whole system with everything that goes wrong in mail: figures equal the post office's own ledger."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.database import Store
from tests.e2e.demo import assert_equals_ledger, demo
from tests.walk import Walk, everywhere


@pytest.mark.slow
def test_mishaps_are_counted_as_the_post_office_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Bounces, scanners, complaints, unsubscribes, replays, refused tracking: every figure equals the ledger's, and
    each page says the same.
    """
    result = demo("--mishaps", "7", "--contacts", "2500", "--data-dir", str(tmp_path / "run"))
    assert_equals_ledger(result)
    sums = Counter[str]()
    for variant in result["campaigns"][0]["variants"]:
        sums.update({k: v for k, v in variant.items() if isinstance(v, int)})
        assert variant["measurable"] < variant["delivered"]
    for mishap in ("bounced", "unsubscribed", "complained", "machine_clicked", "human_clicked"):
        assert sums[mishap] > 0, mishap
    settings = Settings(data_dir=tmp_path / "run", secret="0" * 64, demo=True)  # type: ignore[arg-type]
    with closing(Store(settings.database_url)) as store:
        with store.read() as conn:
            account = accounts.only_account(conn)
        assert everywhere(Walk(settings, store, account.slug, monkeypatch), lists_of=1) > 50
