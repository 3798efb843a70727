"""The dbt project as assets: each model, seed and test, built by the core's own runner."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from pipelines import turns
from pipelines.defs.marts.project import manifest_of
from pipelines.defs.marts.results import Event, Selected, events_of, results_of, rows_of
from pipelines.defs.marts.translator import Translator, sources
from pipelines.failures import told_once
from pipelines.installation import Installation
from sillage.errors import Refused
from sillage.lake.build import build_marts
from sillage.settings import Settings

WORK = "build marts"
_LOCK_WAIT_S = 120.0


def assets_of(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """One asset per model and seed of the project, one check per test."""

    @dbt_assets(manifest=manifest, name="marts", dagster_dbt_translator=Translator(), pool="marts")
    def marts(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[Event]:
        """The answers: all tables as of one point of the lake, one build at a time.

        `build_marts` and not dbt's own resource runs it, since lock, as-of and full refresh are its business.
        """
        settings, chosen = installation.settings(), Selected.of(context)
        select = chosen.dbt_selection() if context.is_subset else None
        with told_once(context), turns.held(settings, WORK):
            try:
                done = build_marts(settings, select=select, wait_s=_LOCK_WAIT_S)
            except Refused:
                yield from events_of(chosen, results_of(settings), {})
                raise
        views = {key for key, spec in context.assets_def.specs_by_key.items() if "view" in spec.kinds}
        with installation.reader() as reader:
            rows = rows_of(reader, chosen, views)
        yield from events_of(chosen, results_of(settings), rows)
        context.log.info("as of event %d: %d models, %d tests", done.as_of_seq, done.models, done.tests)

    return marts


@dg.definitions
def marts_and_sources() -> dg.Definitions:
    """Made when Dagster loads the room: the manifest may have to be parsed first."""
    manifest = manifest_of(Settings.load())
    return dg.Definitions(assets=[assets_of(manifest), *sources(manifest)])
