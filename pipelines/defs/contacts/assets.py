"""Contacts, one file at a time."""

import dagster as dg
from pydantic import Field

from pipelines import turns
from pipelines.defs.contacts.inbox import find
from pipelines.defs.contacts.intake import described, take_in
from pipelines.failures import told_once
from pipelines.installation import Installation
from sillage.ingest import ImportOptions
from sillage.store import accounts


class ContactFile(dg.Config):
    """A file of the inbox; the rest answers the questions that a file may leave open."""

    account: str
    group: str
    file: str
    date_order: str | None = None
    mapping: dict[str, str] = Field(default_factory=dict)
    consent_declared_by: str = ""
    consent_wording: str = ""

    def options(self) -> ImportOptions:
        """Raises: BadInput."""
        said = self.model_dump(include={"date_order", "mapping", "consent_declared_by", "consent_wording"})
        return ImportOptions.read(said)


@dg.asset(
    key_prefix="ops",
    group_name="contacts",
    owners=["team:data-engineering"],
    kinds={"python", "polars"},
)
def contacts(
    context: dg.AssetExecutionContext, config: ContactFile, installation: Installation
) -> dg.MaterializeResult[None]:
    """People that an account may know: one row per e-mail address or phone number of an account, with its consent.

    Each materialization is one file of the inbox. A file that leaves a question open is parked, and imports nothing.
    """
    settings = installation.settings()
    with told_once(context), installation.store() as store:
        file = find(settings.inbox_dir, config.account, config.group, config.file)
        with store.read() as conn:
            account = accounts.by_slug(conn, config.account)
        with turns.held(settings, file.work):
            intake = take_in(store, settings, account.id, file, config.options())
    if intake.parked is not None:
        context.log.warning("%s is parked: it leaves open %s", config.file, ", ".join(intake.report.questions))
    return dg.MaterializeResult(metadata=described(file, intake))
