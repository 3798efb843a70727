"""Contacts, Leads and campaign members of an org, each pulled by what changed."""

import dagster as dg

from pipelines import turns
from pipelines.failures import told_once
from pipelines.installation import Installation
from pipelines.plots import bars
from sillage.errors import BadInput
from sillage.ingest import salesforce
from sillage.ingest.salesforce import PullReport
from sillage.store import accounts

WHAT = {
    "Contact": ("contacts", "Contacts of the Salesforce org that changed since the last pull, one row per contact."),
    "Lead": ("leads", "Leads of the Salesforce org that changed since the last pull, one row per lead."),
    "CampaignMember": (
        "campaign_members",
        "Members of the org's campaigns that changed since the last pull, one row per member, in a group per campaign.",
    ),
}


def _asset_of(name: str) -> dg.AssetsDefinition:
    place, sentence = WHAT[name]

    @dg.asset(
        key=["salesforce", place],
        group_name="salesforce",
        owners=["team:data-engineering"],
        kinds={"python", "salesforce"},
        description=f"{sentence} They go through the same import as files; an opt-out there is a withdrawal here.",
    )
    def pulled(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
        settings = installation.settings()
        with told_once(context), installation.store() as store, turns.held(settings, f"salesforce {name}"):
            mapping = salesforce.read_mappings(settings.salesforce_mapping).get(name)
            if mapping is None:
                raise BadInput(f"{settings.salesforce_mapping} says nothing of {name}", code="bad_mapping")
            org = salesforce.connect(settings)
            with store.read() as conn:
                account = accounts.by_slug(conn, settings.salesforce_account)
            report = salesforce.pull(store, settings, account.id, org, mapping)
        return dg.MaterializeResult(metadata=described(report))

    return pulled


def described(report: PullReport) -> dict[str, dg.MetadataValue]:
    """What a run shows of a pull."""
    counts = {"new": 0, "updated": 0, "unchanged": 0, "kept_out": 0, "refused": 0}
    for one in report.imports.values():
        counts["new"] += one.counts.new
        counts["updated"] += one.counts.updated
        counts["unchanged"] += one.counts.unchanged
        counts["kept_out"] += one.counts.kept_out
        counts["refused"] += one.refused_count
    facts: dict[str, dg.MetadataValue] = {name: dg.MetadataValue.int(count) for name, count in counts.items()}
    return facts | {
        "records": dg.MetadataValue.int(report.records),
        "by_bulk_api": dg.MetadataValue.bool(report.by_bulk),
        "groups": dg.MetadataValue.json(sorted(report.imports)),
        "pulled_up_to": dg.MetadataValue.text(report.position or "nothing yet"),
        "rows_by_outcome": bars("Records by what became of them", counts),
    }


contacts, leads, campaign_members = (_asset_of(name) for name in WHAT)
