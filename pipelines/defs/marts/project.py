"""The dbt project as Dagster knows it: its manifest, parsed anew when a file of the project has changed."""

import fcntl
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sillage.errors import BadInput
from sillage.lake.build import PROJECT
from sillage.settings import Settings

_SHAPES = ("*.yml", "models/**/*", "macros/**/*", "seeds/**/*", "tests/**/*")


def manifest_of(settings: Settings) -> dict[str, Any]:
    """The manifest of the project as it is now. `dbt parse` takes 8 s of CPU, so it runs only after a change.

    Raises: BadInput, in dbt's words, where the project does not parse.
    """
    folder = settings.data_dir / "dagster" / "dbt"
    folder.mkdir(parents=True, exist_ok=True)
    manifest, parsed = folder / "manifest.json", folder / "parsed"
    with _alone(folder / "lock"):
        present = _fingerprint()
        if not (manifest.exists() and parsed.exists() and parsed.read_text() == present):
            _parse(settings, folder)
            parsed.write_text(present)
        found: dict[str, Any] = json.loads(manifest.read_text())
    return found


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fingerprint() -> str:
    digest = hashlib.blake2b(digest_size=16)
    for shape in _SHAPES:
        for path in sorted(p for p in PROJECT.glob(shape) if p.is_file()):
            digest.update(f"{path.relative_to(PROJECT)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _parse(settings: Settings, folder: Path) -> None:
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "--no-version-check", "parse"]
    command += ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    command += ["--target-path", str(folder), "--log-path", str(folder)]
    environment = settings.environment() | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    done = subprocess.run(  # noqa: S603  # our own interpreter, our own arguments
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise BadInput(f"the dbt project does not parse: {said}", code="bad_dbt_project")
