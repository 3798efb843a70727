"""The marts say what happened, the live views say the same, and an incremental build is a full one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from marts_world import ALARMING, BUYERS, CHANCE, ELSEWHERE, HAND_MADE, OTHER_CHANCE, SOFT, World, make

from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import NotFound, TransientError
from sillage.lake import catalog
from sillage.lake.build import BuildResult, build_marts
from sillage.lake.figures import campaign_figures
from sillage.lake.live import LARGE, VIEWS, Source, is_counted, source_of
from sillage.lake.reader import Reader

pytestmark = pytest.mark.slow

Rows = list[tuple[Any, ...]]
CONVERSIONS = "campaign_id, contact_id, attributed_by, amount, is_delivered, variant_id, conversion_id, converted_at"
CAMPAIGNS = (HAND_MADE, CHANCE, OTHER_CHANCE, ALARMING)
LIVE = (Source.EVENTS, Source.CHANGES)
"""The two ways to count live."""


@dataclass
class Built:
    """A world after a build, more events, and another build."""

    world: World
    first: BuildResult
    second: BuildResult
    between: dict[tuple[str, int, Source], Rows]
    """What the live views showed between the builds, when the later events had come and nobody had built on them."""
    counted: list[bool]
    """Whether the marts had counted all there is: after the first build, between the two, after the second."""
    sources: list[Source]
    """What was asked between the builds, for a campaign just below the size at which changes alone are counted, and at it."""
    known: list[int]
    """Up to which event the marts said they were, asked as what may be remembered, at the same moments."""
    reader: Reader
    outsider: dict[str, Any] = field(default_factory=dict)
    """What another tool saw that had attached the marts before the second build and asked all through it."""
    conversions: dict[str, Rows] = field(default_factory=dict)
    """Conversions: as the first build had them, and as the live view showed them between the builds."""

    def note(self) -> None:
        """Look at how far the marts are."""
        self.counted.append(is_counted(self.reader, 1, [CHANCE]))
        self.known.append(self.reader.query_marts("select as_of_seq from marts.main.as_of")[0]["as_of_seq"])

    def rows(self, sql: str, *params: object) -> Rows:
        """The rows of a query, sorted."""
        found = [tuple(r.values()) for r in self.reader.query(sql, list(params))]
        return sorted(found, key=lambda row: tuple(map(str, row)))

    def live(self, view: str, campaign: int, *, shown_by: str | None = None) -> Rows:
        """All columns of a live view for one campaign, from the view or from the mart that has them too."""
        columns = [c for (c,) in self.rows(f"select column_name from (describe marts.main.{view})")]
        asked = f"select {', '.join(columns)} from {shown_by or Source.EVENTS.relation(view)}"
        return self.rows(f"{asked} where account_id = 1 and campaign_id = $1", campaign)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Built once for all tests: a dbt run costs seconds."""
    world = make(tmp_path_factory.mktemp("marts"))
    first = build_marts(world.settings, unit_tests=True)
    reader = Reader(world.settings)
    built = Built(world, first, first, {}, [], [], [], reader)
    built.note()
    built.conversions["first"] = built.rows(f"select {CONVERSIONS} from marts.main.fct_conversions")
    world.collect(world.late)
    built.conversions["between"] = built.rows(f"select {CONVERSIONS} from marts.main.live_conversions where account_id = 1")
    built.note()
    built.between = {
        (live, campaign, kind): built.live(live, campaign, shown_by=kind.relation(live))
        for live in VIEWS
        for campaign in CAMPAIGNS
        for kind in LIVE
    }
    built.sources = [source_of(reader, 1, [CHANCE], size) for size in (LARGE - 1, LARGE)]
    built.outsider, built.second = _beside(world, lambda: build_marts(world.settings))
    built.note()
    yield built
    reader.close()
    world.store.close()


def _beside(world: World, build: Callable[[], BuildResult]) -> tuple[dict[str, Any], BuildResult]:
    """A build, and what a tool saw of it that reads beside it in a process of its own."""
    script = str(Path(__file__).with_name("outsider.py"))
    with subprocess.Popen(
        [sys.executable, script, str(world.settings.marts_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tool:
        try:
            built = build()
            time.sleep(0.5)
        finally:
            said, _ = tool.communicate("")
    assert tool.returncode == 0
    found: dict[str, Any] = json.loads(said)
    return found, built


def test_another_tool_reads_the_marts_while_a_build_writes_them(built: Built) -> None:
    """Attached as the document says, it gets whole tables all through the build, and the new ones after it; an error
    is gone once it attaches again.
    """
    seen = built.outsider
    assert seen["asked"] > 20
    assert seen["halves"] == seen["twice"] == 0
    assert seen["positions"] == [built.first.as_of_seq, built.second.as_of_seq]


def test_build_is_green_and_says_how_far_it_read(built: Built) -> None:
    """Models, data tests and unit tests pass; all tables are as of one event."""
    assert built.first.models > 20
    assert built.first.tests > built.second.tests > 30
    assert not built.first.warnings + built.second.warnings
    assert not built.second.is_full_refresh
    newest = built.rows("select max(lake_seq) from lake.main.events")[0][0]
    assert built.second.as_of_seq == newest > built.first.as_of_seq
    for table in ("as_of", "dim_campaign", "fct_campaign_performance", "fct_link_clicks", "alerts"):
        assert built.rows(f"select distinct as_of_seq from marts.main.{table}") == [(newest,)]


def test_each_story_ends_in_its_figures(built: Built) -> None:
    """The twelve recipients made by hand: the balance, the counts and the rates, to the person."""
    figures = campaign_figures(built.reader, AccountId(1), CampaignId(HAND_MADE))
    assert figures["closed"] is True
    assert figures["audience"] == 12
    assert figures["balance"] == {
        "accepted": 7,
        "bounced": 1,
        "failed": 1,
        "suppressed": 1,
        "skipped": 0,
        "in_doubt": 2,
    }
    expected = {
        "sent": 10,  # 1 to 8, 11, 12
        "delivered": 7,  # 1 to 5, 7, and 11, who clicked
        "bounced": 2,  # 6 by mail, 8 in the session; 5 is contradicted
        "measurable": 5,
        "human_opened": 2,  # 1 and 5
        "human_clicked": 3,  # 1, 2 and 11
        "machine_opened": 1,
        "machine_clicked": 0,
        "unsubscribed": 2,
        "complained": 1,
        "anonymous_opens": 1,
        "anonymous_clicks": 0,
        "open_rate": 2 / 5,
        "click_rate": 3 / 7,
        "reactivity_rate": 3 / 4,
        "bounce_rate": 2 / 10,
        "unsubscribe_rate": 2 / 7,
        "complaint_rate": 1 / 5,  # 1 to 5 are delivered at a provider that reports
    }
    assert {name: figures["total"][name] for name in expected} == pytest.approx(expected)
    assert figures["variants"][0]["name"] == "A"


def test_replays_count_once_and_every_open_counts(built: Built) -> None:
    """The first recipient opened twice, and one of the two came twice."""
    assert built.rows(
        "select open_count, click_count from marts.main.fct_recipient_activity where campaign_id = $1 "
        "and contact_id = 1",
        HAND_MADE,
    ) == [(2, 1)]


def test_links_show_who_clicked(built: Built) -> None:
    """Three delivered people clicked the one link; it is named as in ops."""
    assert built.rows(
        "select link_label, clicker_count, click_event_count, delivered_count from marts.main.fct_link_clicks "
        "where campaign_id = $1",
        HAND_MADE,
    ) == [("Home", 3, 3, 7)]


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_live_views_and_marts_agree_to_the_digit(built: Built, campaign: int) -> None:
    """On the same events every figure of a live view is the figure of its mart."""
    for live in VIEWS:
        shown = built.live(live, campaign, shown_by=Source.TABLES.relation(live))
        for kind in LIVE:
            assert shown == built.live(live, campaign, shown_by=kind.relation(live)), (live, kind)
        assert shown or live in {"live_links", "live_bounces"}


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_live_views_between_two_builds_show_what_the_second_one_finds(built: Built, campaign: int) -> None:
    """With late, replayed, shuffled and re-judged events on top of a build they show what counting all anew gives."""
    for live in VIEWS:
        found = built.live(live, campaign, shown_by=Source.TABLES.relation(live))
        for kind in LIVE:
            assert built.between[live, campaign, kind] == found, (live, kind)


def test_what_a_build_has_counted_is_asked_of_its_tables(built: Built) -> None:
    """Nothing has come since a build: its tables say it all. Something has: they don't, until the next one."""
    assert built.counted == [True, False, True]
    assert built.sources == [Source.EVENTS, Source.CHANGES]
    assert source_of(built.reader, 1, [CHANCE], LARGE) is Source.TABLES
    assert built.known == [built.first.as_of_seq, built.first.as_of_seq, built.second.as_of_seq]


def test_the_curve_adds_up_to_the_counts(built: Built) -> None:
    """Firsts by minute, summed over all minutes, are the campaign's counts."""
    names = "delivered_count, human_open_count, human_click_count, bounced_count, unsubscribed_count"
    sums = ", ".join(f"sum({n.strip()})::bigint" for n in names.split(","))
    asked = "select {} from marts.main.{} where account_id = 1 and campaign_id = $1"
    for campaign in (HAND_MADE, CHANCE):
        curve = built.rows(asked.format(sums, "live_curve"), campaign)
        assert curve == built.rows(asked.format(names, "live_campaign"), campaign)


def test_segments_and_countries_add_up_to_the_campaign(built: Built) -> None:
    """Each recipient is in one segment and one country, so that every count of the parts is the campaign's in sum."""
    counts = "audience_count, sent_count, delivered_count, human_open_count, human_click_count, bounced_count"
    sums = ", ".join(f"sum({name})::bigint" for name in counts.split(", "))
    whole = built.rows(f"select campaign_id, {counts} from marts.main.fct_campaign_performance")
    for table in ("fct_segment_performance", "fct_country_performance"):
        assert built.rows(f"select campaign_id, {sums} from marts.main.{table} group by 1") == whole
    asked = "select segment_id, audience_count, delivered_count from marts.main.fct_segment_performance"
    assert built.rows(f"{asked} where campaign_id = ?", HAND_MADE) == [(1, 4, 4), (2, 8, 3)]


def test_devices_say_on_what_people_acted_and_on_what_nobody_knows(built: Built) -> None:
    """Three opens on a phone are one person; a click elsewhere counts there too; without an agent it is not known."""
    columns = "device, human_open_count, human_click_count, human_reaction_count, all_reaction_count, device_rate"
    found = built.rows(f"select {columns} from marts.main.fct_device_engagement where campaign_id = ?", HAND_MADE)
    assert found == [("", 1, 1, 2, 4, 0.5), ("desktop", 0, 2, 2, 4, 0.5), ("mobile", 1, 0, 1, 4, 0.25)]


def test_a_cohort_is_who_was_reached_in_each_month_counted_from_recipients_rows(built: Built) -> None:
    """The months that a contact's history keeps as bits are those that its messages were delivered in."""
    found = built.rows("select cohort_date, month_number, reached_count, clicker_count from marts.main.fct_cohort_engagement")
    counted = built.rows(
        """
        with sent as (
            select contact_id, was_clicked, is_delivered, date_trunc('month', timezone('Europe/Paris', first_attempted_at))
                as month, min(date_trunc('month', timezone('Europe/Paris', first_attempted_at)))
                over (partition by contact_id) as cohort
            from marts.main.fct_recipient_activity where is_sent
        )
        select cohort::date, datediff('month', cohort, month), count(distinct contact_id),
            count(distinct contact_id) filter (where was_clicked)
        from sent where is_delivered group by 1, 2
        """
    )
    assert found == counted
    assert found[0][2] > found[0][3] > 0


def test_every_opener_has_one_time_to_open(built: Built) -> None:
    """The steps hold each opener once, so the last share is one, and the median lies where half have opened."""
    found = built.rows(
        """
        select steps.campaign_id, sum(opener_count)::bigint, any_value(whole.human_open_count), max(within_rate),
            bool_and(median_seconds >= from_seconds or within_rate >= 0.5)
        from marts.main.fct_time_to_open steps join marts.main.fct_campaign_performance whole using (campaign_id)
        group by 1
        """
    )
    assert {row[0] for row in found} >= {HAND_MADE, CHANCE, OTHER_CHANCE}
    for _, steps, openers, last, is_in_order in found:
        assert (steps, last, is_in_order) == (openers, 1.0, True)


def test_alerts_name_what_is_over_and_nothing_below_its_minimum(built: Built) -> None:
    """The alarming campaign, the provider that puts off and the contact that bounces softly; no small campaign."""
    found = built.rows("select campaign_id, metric, window_name, level, when_critical from marts.main.alerts")
    assert set(found) == {
        (ALARMING, "complaint_rate", "campaign", "critical", "pause"),
        (ALARMING, "complaint_rate", "1 h", "warning", "pause"),
        (None, "complaint_rate", "24 h", "critical", "pause"),
        (ALARMING, "permanent_bounce_rate", "campaign", "warning", "pause"),
        (None, "permanent_bounce_rate", "24 h", "warning", "pause"),
        (SOFT[0], "refusal_rate", "15 min", "critical", "pause_slice"),
        (None, "soft_bounces", "90 days", "critical", "recommend_removal"),
    }
    assert built.rows("select contact_id, measured_value from marts.main.alerts where scope = 'contact'") == [
        (5_000, 5.0)
    ]
    assert built.rows("select numerator_count, denominator_count from marts.main.alerts where window_name = '1 h'") == [
        (7, 1200)
    ]


def test_health_of_a_day_covers_all_that_was_sent(built: Built) -> None:
    """Every recipient that was sent to is in exactly one day."""
    assert built.rows("select sum(sent_count)::bigint from marts.main.fct_daily_account_health") == built.rows(
        "select sum(sent_count)::bigint from marts.main.fct_campaign_performance"
    )


def test_a_second_build_waits_its_turn(built: Built) -> None:
    """While one build writes, another that won't wait is refused with the first one's process."""
    with (
        catalog.sole_writer(built.world.settings.marts_dir, "build", what="writes"),
        pytest.raises(TransientError, match="another build"),
    ):
        build_marts(built.world.settings, wait_s=0)


def test_a_campaign_that_nobody_built_is_said_in_words(built: Built) -> None:
    """An unknown campaign is no empty report."""
    with pytest.raises(NotFound, match="hold nothing"):
        campaign_figures(built.reader, AccountId(1), CampaignId(404))


def test_incremental_rows_are_those_of_a_full_refresh(built: Built) -> None:
    """After late, replayed, shuffled and re-judged events every incremental table is what counting all anew gives."""
    tables = {
        "fct_recipient_activity": "*",
        "fct_recipient_counts": "* exclude (counted_seq)",
        "fct_campaign_curve": "* exclude (counted_seq)",
        "fct_acquisition_deliverability": "* exclude (counted_seq)",
        "fct_contact_history": "*",
    }
    asked = {name: f"select {columns} from marts.main.{name}" for name, columns in tables.items()}
    incremental = {name: built.rows(sql) for name, sql in asked.items()}
    assert len(incremental["fct_recipient_activity"]) > 1_400
    assert min(map(len, incremental.values())) > 5
    full = build_marts(built.world.settings, full_refresh=True, select=" ".join(tables))
    assert full.is_full_refresh
    assert {name: built.rows(sql) for name, sql in asked.items()} == incremental


def test_a_purchase_goes_to_the_campaign_it_names_or_the_last_click(built: Built) -> None:
    """Named: to that one, whoever clicked what. Else the last click within seven days; no click, or too old: nowhere."""
    assert [row[:5] for row in built.conversions["first"]] == [
        (BUYERS, 301, "click", Decimal("0.10"), True),
        (BUYERS, 301, "click", Decimal("0.20"), True),
        (BUYERS, 303, "campaign", Decimal("19.99"), True),
        (BUYERS, 306, "campaign", Decimal("1000.00"), False),
        (BUYERS, 777, "campaign", Decimal("5.00"), False),
    ]


def test_a_late_click_or_verdict_moves_a_purchase_live_as_in_the_next_build(built: Built) -> None:
    """Elsewhere was clicked later, so 301's purchases are its; a machine's click leads to nothing."""
    found = built.rows(f"select {CONVERSIONS} from marts.main.fct_conversions")
    assert built.conversions["between"] == found
    assert [row[:2] for row in found] == [
        (BUYERS, 303), (BUYERS, 306), (BUYERS, 777), (ELSEWHERE, 301), (ELSEWHERE, 301),
    ]  # fmt: skip


def test_money_adds_up_to_the_cent(built: Built) -> None:
    """Who was not delivered to counts in nothing; rates are of those delivered; a hold-out counts whatever was clicked."""
    asked = "select converted_count, conversion_count, revenue, conversion_rate, revenue_per_recipient from marts.main."
    for table in ("fct_campaign_performance", "fct_variant_performance"):
        found = built.rows(f"{asked}{table} where campaign_id = $1 and delivered_count > 0", BUYERS)
        assert found == [(1, 1, Decimal("19.99"), 1 / 4, 19.99 / 4)]
    asked = "select delivered_count, converted_count, revenue, held_out_count, held_out_converted_count, held_out_revenue"
    assert built.rows(f"{asked} from marts.main.fct_hold_out") == [
        (4, 4, Decimal("28.29"), 2, 1, Decimal("7.50"))
    ]  # fmt: skip
