"""Segments are counted, their history is kept, and a sudden doubling is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from pipelines.defs.segments.assets import MEMBERS, segment_members
from pipelines.defs.segments.checks import no_segment_doubled_overnight
from pipelines.defs.segments.sizes import Sized, doubled, history, night_before
from pipelines.installation import Installation
from sillage.domain.segment import parse_tree
from sillage.store import accounts, segment_sizes, segments
from tests.world import World

MORNING = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def sized(hours_ago: float, **sizes: int) -> Sized:
    return Sized(MORNING - timedelta(hours=hours_ago), {"maison": sizes})


def test_each_segment_of_each_account_is_counted(home: World, instance: dg.DagsterInstance):
    """Sizes are of one account's contacts alone, and each count can be read again as history."""
    home.add_contacts(7)
    with home.store.write() as conn:
        other = accounts.create(conn, "other", "Other", created_at=home.now)
        segments.save(conn, other.id, "All", parse_tree({"kind": "everyone"}), now=home.now)
        first = parse_tree({"kind": "field", "field": "email", "op": "starts_with", "value": "c1"})
        segments.save(conn, home.id, "First", first, now=home.now)
    for _ in range(2):
        assert dg.materialize([segment_members], instance=instance, resources={"installation": Installation()}).success
    newest, before = history(instance, MEMBERS, 10)
    assert newest.sizes == {"maison": {"All": 7, "First": 1}, "other": {"All": 0}}
    assert newest.at > before.at
    with home.store.read() as conn:
        one = segments.by_name(conn, home.id, "First").id
        kept = segment_sizes.history(conn, home.id, one, since=before.at - timedelta(hours=1))
        assert [size for _, size in kept] == [1, 1]
        assert segment_sizes.history(conn, other.id, one, since=before.at - timedelta(hours=1)) == []
    event = instance.get_latest_materialization_event(MEMBERS)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["size of maison / All"].value == 7
    assert "data:image/png;base64," in str(event.asset_materialization.metadata["sizes_over_time"].value)


def test_no_account_no_segment(home: World, instance: dg.DagsterInstance):
    """The check passes where nothing was counted, or nothing a night ago."""
    found = no_segment_doubled_overnight(dg.build_asset_check_context(instance=instance))
    assert isinstance(found, dg.AssetCheckResult)
    assert found.passed


def test_the_night_before_is_twelve_hours_old():
    """Counts of the same morning are no night old, however many there are."""
    earlier = [sized(1, All=5), sized(11.9, All=4), sized(12, All=3), sized(20, All=2)]
    assert night_before(sized(0, All=6), earlier) == sized(12, All=3)
    assert night_before(sized(0, All=6), earlier[:2]) is None


def test_doubling_is_told_of_large_known_segments():
    """More than twice, and at least a hundred more; new segments and small ones are left out."""
    before = sized(12, Large=1_000, Just=1_000, Small=10)
    after = sized(0, Large=2_001, Just=2_000, Small=90, New=5_000)
    assert doubled(before, after) == {"maison / Large": (1_000, 2_001)}


def test_doubling_overnight_is_a_warning(instance: dg.DagsterInstance):
    """The check compares the newest count with the one of a night ago, and names both sizes."""
    for count in (sized(13, All=500), sized(1, All=1_500), sized(0, All=1_600)):
        metadata = {"counted_at": count.at.isoformat(), "sizes": dg.MetadataValue.json(count.sizes)}
        instance.report_runless_asset_event(dg.AssetMaterialization(MEMBERS, metadata=metadata))
    found = no_segment_doubled_overnight(dg.build_asset_check_context(instance=instance))
    assert isinstance(found, dg.AssetCheckResult)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == "maison / All: 500, now 1,600"
