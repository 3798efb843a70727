"""The org is asked each hour, where there is one."""

import dagster as dg

from pipelines.installation import Installation

pull_salesforce = dg.define_asset_job(
    "pull_salesforce",
    selection=dg.AssetSelection.groups("salesforce"),
    description="Pull contacts, leads and campaign members that changed in Salesforce.",
)


@dg.schedule(
    name="salesforce_each_hour",
    job=pull_salesforce,
    cron_schedule="23 * * * *",
    description="Pull each hour what changed in Salesforce; nothing where no org is set.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def salesforce_each_hour(installation: Installation) -> dg.RunRequest | dg.SkipReason:
    """A run where SILLAGE_SALESFORCE_URL is set."""
    if not installation.settings().salesforce_url:
        return dg.SkipReason("no Salesforce org is set: SILLAGE_SALESFORCE_URL")
    return dg.RunRequest()
