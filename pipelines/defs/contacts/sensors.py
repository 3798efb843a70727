"""The inbox is watched: each file that is complete becomes a run."""

import time

import dagster as dg

from pipelines import turns
from pipelines.attempts import HEAVY, WORK, attempts_at, bury, why_wait
from pipelines.defs.contacts.assets import ContactFile
from pipelines.defs.contacts.inbox import Dropped, look
from pipelines.installation import Installation
from pipelines.ops import every_account

import_contacts = dg.define_asset_job(
    "import_contacts",
    selection=dg.AssetSelection.assets(["ops", "contacts"], ["ops", "segment_members"]),
    description="Import one file of the inbox, then count the segments anew.",
    tags=HEAVY,
)
AT_ONCE = 10
"""A thousand files dropped at once wait in the inbox, not in Dagster's queue."""


@dg.sensor(
    job=import_contacts,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def inbox_files(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    """Watch inbox/<account>/<group>/ for contact files that nobody has written for two seconds: one run per file."""
    settings, now = installation.settings(), time.time()
    files, said = look(settings.inbox_dir, now)
    with installation.store() as store, store.read() as conn:
        known = {account.slug for account in every_account(conn)}
    said += sorted({f"{file.account}/ is no account" for file in files if file.account not in known})
    requests: list[dg.RunRequest] = []
    for file in files[: AT_ONCE * 10]:
        if file.account not in known or len(requests) == AT_ONCE:
            continue
        attempts = attempts_at(context.instance, file.work)
        wait = why_wait(attempts, now, is_held=turns.is_held(settings, file.work))
        if wait is not None:
            said.append(f"{file.path.name}: {wait}")
            continue
        bury(context.instance, file.work, now)
        requests.append(_request(file, len(attempts)))
    return dg.SensorResult(run_requests=requests, skip_reason=_skipped(requests, said))


def _request(file: Dropped, tries: int) -> dg.RunRequest:
    config = ContactFile(account=file.account, group=file.group, file=file.path.name)
    return dg.RunRequest(
        run_key=f"{file.work} #{tries}",
        run_config=dg.RunConfig(ops={"ops__contacts": config}),
        tags={WORK: file.work, "sillage/account": file.account, "sillage/group": file.group},
    )


def _skipped(requests: list[dg.RunRequest], said: list[str]) -> dg.SkipReason | None:
    return None if requests else dg.SkipReason("; ".join(said) or "the inbox is empty")
