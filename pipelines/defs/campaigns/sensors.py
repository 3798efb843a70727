"""Campaigns are planned when they are near."""

import json
import time

import dagster as dg

from pipelines import turns
from pipelines.attempts import WORK, attempts_at, bury, why_wait
from pipelines.defs.campaigns.partitions import CAMPAIGNS, key_of
from pipelines.defs.campaigns.planning import AHEAD, Seen, work_of
from pipelines.installation import Installation
from sillage.domain.campaign import CampaignState as S
from sillage.store import campaigns
from sillage.store.campaigns import Campaign

plan_campaigns = dg.define_asset_job(
    "plan_campaigns",
    selection=dg.AssetSelection.assets(["ops", "audience"], ["ops", "deliveries"]),
    description="Freeze the audience of one campaign, check it, and open its books.",
)


@dg.sensor(
    job=plan_campaigns,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def campaigns_to_plan(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    """Plan each scheduled campaign that leaves within 15 minutes, and finish what a killed planner left."""
    settings, now = installation.settings(), time.time()
    with installation.store() as store, store.read() as conn:
        states = (S.SCHEDULED, S.PLANNING)
        near = campaigns.due(conn, states=states, before=settings.clock.now() + AHEAD)
    seen = Seen(json.loads(context.cursor or "{}")).looked(near, now)
    requests: list[dg.RunRequest] = []
    said: list[str] = []
    for campaign in near:
        work = work_of(campaign)
        attempts = attempts_at(context.instance, work)
        # A plan that failed for good made its campaign a draft; where it is scheduled again, somebody mended it.
        mended = campaign.state is S.SCHEDULED
        wait = why_wait(attempts, now, is_held=turns.is_held(settings, work), never_gives_up=mended)
        if wait is None and not seen.is_free(campaign, now) and not attempts:
            wait = "another planner may be at work"
        if wait is not None:
            said.append(f"campaign {campaign.id}: {wait}")
            continue
        bury(context.instance, work, now)
        requests.append(_request(campaign, len(attempts)))
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason("; ".join(said) or "no campaign is near"),
        cursor=json.dumps(seen.planning_since),
        dynamic_partitions_requests=[CAMPAIGNS.build_add_request([str(r.partition_key) for r in requests])],
    )


def _request(campaign: Campaign, tries: int) -> dg.RunRequest:
    work = work_of(campaign)
    return dg.RunRequest(
        run_key=f"{work} #{tries}",
        partition_key=key_of(campaign.id),
        tags={
            WORK: work,
            "dagster/priority": "10",
            "sillage/account_id": str(campaign.account_id),
            "sillage/campaign_id": str(campaign.id),
        },
    )
