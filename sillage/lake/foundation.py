"""The marts of an installation that has seen nothing yet: made once at set-up, copied into each new installation.

dbt takes half a minute to make its views and empty tables. With a copy of them the guard sees from the first message
on, pages answer from the first second, and the first build need not parse the project.

    python -m sillage.lake.foundation     makes it, in dbt/target/foundation
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import structlog

from sillage.errors import TransientError
from sillage.lake import catalog
from sillage.lake.build import FOUNDATION, FOUNDED, PARSED, PROJECT_MARK, alone, build_marts, project_fingerprint
from sillage.log import configure
from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.migrate import upgrade

log = structlog.get_logger()


def lay_foundation(settings: Settings, *, source: Path = FOUNDATION) -> bool:
    """Give an installation without marts the empty ones of this very project; whether it did.

    A build that runs by then makes them itself.
    """
    if catalog.exists(settings.marts_dir) or not _is_of_this_project(source):
        return False
    with suppress(TransientError), alone(settings, 0.0):
        if catalog.exists(settings.marts_dir):
            return False
        shutil.copytree(source / "files", catalog.data_dir(settings.marts_dir), dirs_exist_ok=True)
        draft = settings.marts_dir / f"{catalog.CATALOG_FILE}.new"
        shutil.copyfile(source / catalog.CATALOG_FILE, draft)
        draft.replace(settings.marts_dir / catalog.CATALOG_FILE)
        # Not the project's fingerprint alone: the first build then fills every table from the beginning.
        (settings.marts_dir / PROJECT_MARK).write_text(FOUNDED + project_fingerprint())
        log.info("marts.founded")
        return True
    return False


def make_foundation(target: Path = FOUNDATION) -> None:
    """Build the marts of an empty installation, and keep them as the foundation of others."""
    with tempfile.TemporaryDirectory(prefix="sillage-foundation-") as folder:
        settings = Settings(data_dir=Path(folder), secret="0" * 64)  # type: ignore[arg-type]  # signs nothing
        store = Store(settings.database_url)
        upgrade(store)
        build_marts(settings)
        store.close()
        with closing(catalog.connect(settings)) as con:
            catalog.attach_marts(con, settings, read_only=False)
            # As of nothing: pages say that no figures are there yet, and the first build fills every table anew.
            con.execute("delete from marts.main.as_of")
            con.execute("call ducklake_flush_inlined_data('marts')")
        if target.exists():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        shutil.copytree(catalog.data_dir(settings.marts_dir), target / "files")
        for file in (settings.marts_dir / catalog.CATALOG_FILE, settings.data_dir / "dbt" / PARSED):
            shutil.copyfile(file, target / file.name)
        (target / PROJECT_MARK).write_text(project_fingerprint())


def _is_of_this_project(source: Path) -> bool:
    file = source / PROJECT_MARK
    return file.exists() and file.read_text() == project_fingerprint()


if __name__ == "__main__":
    configure("foundation")
    make_foundation()
