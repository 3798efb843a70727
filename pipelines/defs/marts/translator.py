"""What a dbt resource is called and shown as in Dagster."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

OWNERS = ["team:data-engineering"]
_ROOMS = {("lake", "events"), ("ops", "contacts")}


class Translator(DagsterDbtTranslator):
    """Asset key: where it lies, [schema, table]; a catalog's schema `main` goes by the catalog's name."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`marts/fct_bounces`, `staging/stg_lake__events`, `lake/events`, `ops/campaigns`."""
        schema = dbt_resource_props["schema"]
        return dg.AssetKey([
            dbt_resource_props["database"] if schema == "main" else schema,
            dbt_resource_props["name"],
        ])  # fmt: skip

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The folder of a model; the schema of what has none."""
        if dbt_resource_props["resource_type"] == "model":
            return str(dbt_resource_props["fqn"][1])
        return self.get_asset_key(dbt_resource_props).path[0]

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG002  # all have one
        """Who looks after it."""
        return OWNERS

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """With how it is made: seed, view, table or incremental."""
        made = self.get_resource_props(manifest, unique_id)["config"].get("materialized", "source")
        return super().get_asset_spec(manifest, unique_id, project).replace_attributes(kinds={"dbt", "duckdb", made})


def sources(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """What dbt reads and others write, but for what has a room of its own."""
    translator = Translator()
    return [
        dg.AssetSpec(
            key=translator.get_asset_key(props),
            description=props["description"],
            group_name=translator.get_group_name(props),
            owners=OWNERS,
            kinds={"sql"},
            metadata={"dagster/table_name": f"{props['schema']}.{props['name']}"},
        )
        for props in manifest["sources"].values()
        if tuple(translator.get_asset_key(props).path) not in _ROOMS
    ]
