"""Campaigns are planned when they are near, once, and the claims on which a send depends are checked."""

from __future__ import annotations

import time
from datetime import timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from pipelines.attempts import NO_RETRY, WORK
from pipelines.defs.campaigns.assets import audience, deliveries
from pipelines.defs.campaigns.books import unbalanced
from pipelines.defs.campaigns.checks import (
    audience_equals_deliveries,
    books_balance,
    every_recipient_has_consent,
    nobody_planned_twice,
)
from pipelines.defs.campaigns.partitions import campaign_of, key_of
from pipelines.defs.campaigns.planning import ABANDONED_S, Seen, work_of
from pipelines.defs.campaigns.recurring import recurring_campaigns
from pipelines.defs.campaigns.schedules import deliveries_each_minute
from pipelines.defs.campaigns.sensors import campaigns_to_plan
from pipelines.defs.sending.assets import queue
from pipelines.installation import Installation
from pipelines.ops import planned_twice, without_consent
from sillage.campaign import recurring
from sillage.campaign.form import to_draft
from sillage.campaign.plan import plan_campaign
from sillage.domain.campaign import CampaignState as S
from sillage.domain.ids import CampaignId
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store import campaigns
from sillage.store.database import Store
from sillage.store.tables import campaigns as campaigns_table
from sillage.store.tables import consents, contacts
from sillage.store.tables import deliveries as deliveries_table
from tests.world import World

CHECKS = [every_recipient_has_consent, nobody_planned_twice, audience_equals_deliveries, books_balance]


def run(instance: dg.DagsterInstance, campaign: CampaignId) -> dg.ExecuteInProcessResult:
    key = key_of(campaign)
    instance.add_dynamic_partitions("campaigns", [key])
    job = dg.Definitions(
        assets=[audience, deliveries],
        asset_checks=CHECKS,
        jobs=[dg.define_asset_job("plan")],
        resources={"installation": Installation()},
        executor=dg.in_process_executor,
    ).resolve_job_def("plan")
    return job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    resources = {"installation": Installation()}
    found = campaigns_to_plan(dg.build_sensor_context(instance=instance, resources=resources, cursor=cursor))
    assert isinstance(found, dg.SensorResult)
    return found


def verdicts(done: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in done.get_asset_check_evaluations()}


def test_a_near_campaign_is_planned_and_checked(home: World, instance: dg.DagsterInstance):
    """From the sensor's request to a sealed audience, its checks and its books."""
    home.add_contacts(9)
    campaign = home.add_campaign()
    found = tick(instance)
    (request,) = found.run_requests or []
    assert request.partition_key == key_of(campaign)
    assert found.dynamic_partitions_requests
    done = run(instance, campaign)
    assert done.success
    assert verdicts(done) == dict.fromkeys([check.check_key.name for check in CHECKS], True)
    shown = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in done.get_asset_materialization_events()
        if event.asset_key
    }
    assert shown["ops/audience"]["audience"].value == 9
    assert shown["ops/audience"]["by_variant"].value == {"A": 9}
    assert "data:image/png" in str(shown["ops/audience"]["by_provider"].value)
    assert shown["ops/deliveries"]["rows due"].value == 9
    assert shown["ops/deliveries"]["waiting_by_provider"].value == {"free": 3, "orange": 3, "gmail": 3}
    assert tick(instance).run_requests == []


def test_a_far_campaign_waits(home: World, instance: dg.DagsterInstance):
    """A campaign is planned a quarter of an hour of business time ahead, and not before."""
    home.add_contacts(1)
    home.add_campaign("Soon", send_at=home.now + timedelta(minutes=14))
    home.add_campaign("Later", send_at=home.now + timedelta(minutes=16))
    home.add_campaign("Draft", scheduled=False)
    requests = tick(instance).run_requests or []
    assert len(requests) == 1


def test_a_campaign_that_cannot_be_planned_fails_once(home: World, instance: dg.DagsterInstance):
    """The run says why in words, is not tried again, and the campaign is a draft."""
    campaign = home.add_campaign()
    done = run(instance, campaign)
    assert not done.success
    (failure,) = [e for e in done.get_step_failure_events() if e.step_key == "ops__audience"]
    assert failure.step_failure_data.user_failure_data is not None
    assert "has nobody to mail" in str(failure.step_failure_data.user_failure_data.description)
    stored = instance.get_run_by_id(done.run_id)
    assert stored is not None
    assert NO_RETRY.items() <= stored.tags.items()
    assert verdicts(done) == {}
    assert tick(instance).run_requests == []
    with home.store.read() as conn:
        assert campaigns.get(conn, home.id, campaign).state == S.DRAFT


def test_what_a_killed_planner_left_is_taken_up(home: World, instance: dg.DagsterInstance):
    """A campaign seen `planning` for half a minute without a run of ours is planned to its end."""
    home.add_contacts(5)
    campaign = home.add_campaign()
    with home.store.write() as conn:
        campaigns.move(conn, home.id, campaign, to=S.PLANNING, only_from=(S.SCHEDULED,))
    first = tick(instance)
    assert first.run_requests == []
    assert tick(instance, first.cursor).run_requests == []
    long_ago = f'{{"{campaign}": {time.time() - ABANDONED_S - 1}}}'
    assert len(tick(instance, long_ago).run_requests or []) == 1
    assert run(instance, campaign).success


def test_a_campaign_is_not_asked_for_twice(home: World, instance: dg.DagsterInstance):
    """While a run for it is queued, no second one is asked for."""
    home.add_contacts(1)
    campaign = home.add_campaign()
    with home.store.read() as conn:
        work = work_of(campaigns.get(conn, home.id, campaign))
    run_ = instance.create_run_for_job(
        dg.Definitions(
            assets=[deliveries],
            jobs=[dg.define_asset_job("count")],
            resources={"installation": Installation()},
        ).resolve_job_def("count"),
        tags={WORK: work},
    )
    assert tick(instance).run_requests == []
    instance.report_run_failed(run_, "no")
    assert tick(instance).run_requests == []  # later, not at once


def test_seen_forgets_who_is_planned(home: World):
    """The sensor remembers only campaigns that are planning now."""
    home.add_contacts(1)
    campaign = home.add_campaign()
    with home.store.read() as conn:
        found = campaigns.get(conn, home.id, campaign)
    seen = Seen({"7": 1.0}).looked([found], 100.0)
    assert seen == Seen({})
    assert seen.is_free(found, 100.0)


def test_recipients_without_consent_are_found(any_store: Store, settings: Settings):
    """Who had none when it was planned is a fault; who left since is not."""
    world = World(any_store, settings)
    world.add_contacts(6)
    campaign = world.add_campaign()
    plan_campaign(world.store, world.settings, world.id, campaign)
    with world.store.read() as conn:
        ids = sorted(campaigns.planned_contacts(conn, world.id, campaign))
        found = campaigns.get(conn, world.id, campaign)
        assert without_consent(conn, world.id, found, ["consent"]) == 0
        assert planned_twice(conn, world.id, campaign) == 0
    assert found.planned_at is not None
    after, before = found.planned_at + timedelta(seconds=1), found.planned_at - timedelta(seconds=1)
    of = consents.c.contact_id
    with world.store.write() as conn:
        conn.execute(consents.update().where(of == ids[0]).values(marketing="withdrawn", marketing_at=after))
        conn.execute(consents.update().where(of == ids[1]).values(marketing="withdrawn", marketing_at=before))
        conn.execute(consents.update().where(of == ids[2]).values(lapses_at=before))
        conn.execute(consents.update().where(of == ids[3]).values(marketing_basis="professional"))
        conn.execute(consents.delete().where(of == ids[4]))
    with world.store.read() as conn:
        assert without_consent(conn, world.id, found, ["consent"]) == 4
        assert without_consent(conn, world.id, found, ["consent", "professional"]) == 3


def test_checks_find_what_is_wrong(home: World, instance: dg.DagsterInstance):
    """A recipient too many and one without consent fail their claims."""
    home.add_contacts(3)
    campaign = home.add_campaign()
    plan_campaign(home.store, home.settings, home.id, campaign)
    home.add_contacts(1)
    with home.store.write() as conn:
        (extra,) = conn.execute(sa.select(sa.func.max(contacts.c.id))).scalars()
        conn.execute(consents.delete().where(consents.c.contact_id == extra))
        row = conn.execute(sa.select(deliveries_table)).mappings().first()
        assert row is not None
        conn.execute(deliveries_table.insert().values(**{**row, "contact_id": extra}))
    context = dg.build_asset_check_context(instance=instance)
    results = [check(context, Installation()) for check in CHECKS[:3]]
    assert [r.passed for r in results if isinstance(r, dg.AssetCheckResult)] == [False, True, False]
    assert unbalanced(home.store) == {"maison / News": "3 planned, 4 accounted for"}


def test_a_closed_campaign_hands_everybody_over(home: World):
    """A campaign that is closed with rows still due does not balance."""
    home.add_contacts(3)
    campaign = home.add_campaign()
    plan_campaign(home.store, home.settings, home.id, campaign)
    assert unbalanced(home.store) == {}
    with home.store.write() as conn:
        conn.execute(campaigns_table.update().values(state="closed", closed_at=home.now))
    assert unbalanced(home.store) == {"maison / News": "closed with 3 recipients in no hand-over state"}


def test_deliveries_are_counted_only_while_a_campaign_runs(home: World, instance: dg.DagsterInstance):
    """No run is started for nothing."""

    def minute() -> object:
        resources = {"installation": Installation()}
        return deliveries_each_minute(dg.build_schedule_context(instance=instance, resources=resources))

    assert isinstance(minute(), dg.SkipReason)
    home.add_contacts(1)
    plan_campaign(home.store, home.settings, home.id, home.add_campaign())
    assert isinstance(minute(), dg.RunRequest)


def test_partitions_name_campaigns():
    """A partition's key goes there and back; anything else is refused."""
    assert campaign_of(key_of(CampaignId(12))) == 12
    for key in ("12", "campaign-", "campaign-x", "campaign--1"):
        with pytest.raises(BadInput):
            campaign_of(key)


def test_queue_says_what_waits_and_why_it_was_put_off(home: World, instance: dg.DagsterInstance):
    """The asset of sending counts what waits by provider, and names the reasons of what was put off."""
    home.add_contacts(9)
    campaign = home.add_campaign()
    plan_campaign(home.store, home.settings, home.id, campaign)
    with home.store.write() as conn:
        campaigns.move(conn, home.id, campaign, to="sending", only_from=("planned",))
        put_off = deliveries_table.update().where(deliveries_table.c.contact_id == 1)
        conn.execute(put_off.values(attempt=1, reason="greylisted"))
    result = dg.materialize([queue], instance=instance, resources={"installation": Installation()})
    (event,) = result.asset_materializations_for_node("ops__queue")
    found = {name: value.value for name, value in event.metadata.items()}
    assert (found["waiting"], found["deferred"], found["in_doubt"]) == (9, 1, 0)
    assert found["deferrals"] == {"free: greylisted": 1}


def test_a_recurring_campaign_is_made_and_asked_to_be_planned(home: World, instance: dg.DagsterInstance):
    """The sensor makes the campaign whose time is near, once however often it looks; the next one plans it."""
    home.add_contacts(3)
    model = home.add_campaign("Model", scheduled=False)
    now = home.now
    soon = now + timedelta(minutes=10)
    with home.store.write() as conn:
        draft = to_draft(conn, home.settings, home.account, model, name="Hourly", by=None, now=now)
        recurring.begin(
            conn, home.settings, home.account, name="Hourly", draft_id=draft.id, rule=f"{soon.minute} * * * *",
            grace=timedelta(hours=1), by=None, now=now,
        )  # fmt: skip
    for _ in range(3):
        context = dg.build_sensor_context(instance=instance, resources={"installation": Installation()})
        found = recurring_campaigns(context)
    assert isinstance(found, dg.SkipReason)
    with home.store.read() as conn:
        made = [c for c in campaigns.listed(conn, home.id) if c.name.startswith("Hourly")]
    assert [c.state for c in made] == [S.SCHEDULED]
    requests = tick(instance).run_requests or []
    assert [request.partition_key for request in requests] == [key_of(made[0].id)]
