"""Recurring campaigns are made when their time is near."""

import dagster as dg

from pipelines.installation import Installation
from sillage.campaign.recurring import make_due


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def recurring_campaigns(
    context: dg.SensorEvaluationContext,
    installation: Installation,
) -> dg.SkipReason:
    """Make the campaign of each recurring one whose time is within 20 minutes; the sensor of plans then plans it.

    It is done here, in one transaction each, and not in a run, which costs 8 s of CPU: whoever looks again, or at the
    same time, finds it done.
    """
    with installation.store() as store:
        done = make_due(store, installation.settings())
    for made in done:
        why = f", failed: {made.failed}" if made.failed else ""
        context.log.info("%s: %d made, %d missed%s", made.recurrence.name, len(made.campaigns), made.missed, why)
    return dg.SkipReason(f"{sum(len(made.campaigns) for made in done)} campaigns made" if done else "nothing is near")
