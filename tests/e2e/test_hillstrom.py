"""The whole system on a real experiment: figures equal the file's own, to the person and to the cent."""

from __future__ import annotations

import csv
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dashboards.queries import Details, Standing
from dashboards.verdict import of_variants
from dashboards.words import Words
from sillage.lake.build import build_marts
from sillage.lake.campaign_report import LIVE
from sillage.lake.collector import collect_once
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import accounts, campaigns
from sillage.store.campaigns import Balance
from sillage.store.database import Store
from tests.e2e.demo import assert_equals_ledger, demo, sillage


@pytest.mark.slow
def test_real_people_are_counted_to_the_person(shared: Path, tmp_path: Path):
    """The two arms of a real experiment come out with the file's own figures, to the person; what they bought, brought
    in afterwards, to the cent; and the versions compared say which was clicked more, and by how much.
    """
    path = shared / "data" / "hillstrom.csv"
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    mailed = Counter(r["segment"] for r in rows)
    came = Counter(r["segment"] for r in rows if r["visit"] == "1")
    result = demo("--people", str(path), "--data-dir", str(tmp_path / "run"))
    assert_equals_ledger(result)
    found = {v["name"]: (v["sent"], v["human_clicked"]) for v in result["campaigns"][0]["variants"]}
    assert found == {arm: (mailed[arm], came[arm]) for arm in ("Mens E-Mail", "Womens E-Mail")}
    assert found["Mens E-Mail"] == (21_307, 3_894)
    assert found["Womens E-Mail"] == (21_387, 3_238)
    _assert_bought(tmp_path, rows)


def _assert_bought(folder: Path, rows: list[dict[str, str]]) -> None:
    """Conversions and spend of those who were mailed, imported by the command line, equal the file's own."""
    orders = folder / "orders.csv"
    at = datetime.now(UTC).isoformat()
    with orders.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "email", "at", "amount", "currency", "campaign"])
        for row in rows:
            if row["conversion"] == "1":
                writer.writerow([row["customer_id"], row["email"], at, row["spend"], "EUR", "Experiment"])
    settings = Settings(data_dir=folder / "run", secret="0" * 64, demo=True)  # type: ignore[arg-type]
    told = sillage(settings, "events", "import", str(orders), "--json")
    assert told["unknown_lines"] == []
    with closing(Store(settings.database_url)) as store:
        collect_once(settings, store)
    build_marts(settings)
    with closing(Reader(settings)) as reader:
        sql = "select * from marts.main.fct_variant_performance where variant_id > 0"
        found = {row["variant_name"]: row for row in reader.query(sql)}
    for arm, rate in (("Mens E-Mail", 0.01253), ("Womens E-Mail", 0.00884)):
        mine = [row for row in rows if row["segment"] == arm]
        assert found[arm]["converted_count"] == sum(row["conversion"] == "1" for row in mine)
        assert found[arm]["conversion_rate"] == pytest.approx(rate, abs=5e-6)
        assert found[arm]["revenue"] == sum((Decimal(row["spend"]) for row in mine), Decimal(0))
    compared = sillage(settings, "campaign", "ab", "Experiment", "--json")
    rates = {row["name"]: round(row["rate"] * 100, 2) for row in compared["variants"]}
    assert rates == {"Mens E-Mail": 18.28, "Womens E-Mail": 15.14}
    assert compared["winner"] == "Mens E-Mail"
    assert 0.024 < compared["lift_low"] < compared["lift"] < compared["lift_high"] < 0.039
    _assert_report_says_so(settings)


def _assert_report_says_so(settings: Settings) -> None:
    """The sentence of the report: who is ahead, with both rates, the difference and its interval."""
    with closing(Store(settings.database_url)) as store, store.read() as conn:
        account = accounts.only_account(conn)
        campaign = campaigns.by_name(conn, account.id, "Experiment")
        names = {int(v.id): v.name for v in campaigns.variants_of(conn, account.id, campaign.id)}
    with closing(Reader(settings)) as reader:
        sql = LIVE["variants"].format(live_variant="marts.main.live_variant")
        rows = reader.query(sql, [account.id, campaign.id])
    standing = Standing(campaign, Balance(), [], [])
    details = Details(settings.clock.now(), standing, [], rows, [], [], [], [], took_s=0.0)
    said = of_variants(Words("en", "UTC"), details, names, campaign.state)
    assert said.startswith("Mens E\\-Mail is clicked more than the others, beyond chance.")
    assert "18.28\u00a0% against 15.14\u00a0%, a difference of 3.14\u00a0% (2.4" in said
