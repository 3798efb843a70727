"""The one entry of the pipelines: `dagster dev -m pipelines.definitions`. The rooms in defs/ register themselves."""

from pathlib import Path

import dagster as dg

from pipelines.installation import Installation
from sillage.settings import Settings

# A wrong setting is said in one line here, rather than by each room in turn.
Settings.load()

# Steps of one run share a process: to start another costs 5 s of CPU, and no step here wants that.
defs = dg.Definitions.merge(
    dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
    dg.Definitions(resources={"installation": Installation()}, executor=dg.in_process_executor),
)
