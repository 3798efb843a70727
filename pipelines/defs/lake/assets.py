"""The event log. The collector writes it; Dagster looks at it."""

import dagster as dg

events = dg.AssetSpec(
    key=["lake", "events"],
    description=(
        "What happened: one row per event as it came in, replays included (docs/events.md says what each type means)."
        " The collector writes it within a second; it is observed here, with its rows and what waits on its way."
    ),
    group_name="lake",
    owners=["team:data-engineering"],
    kinds={"duckdb", "parquet"},
    deps=[["ops", "contacts"], ["ops", "deliveries"]],
)
