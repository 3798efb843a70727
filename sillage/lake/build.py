"""A build of the marts: one at a time, all tables as of one point of the lake."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import structlog

from sillage.errors import NotFound, Refused, TransientError
from sillage.lake import catalog, schema
from sillage.settings import ROOT, Settings

PROJECT = ROOT / "dbt"
FOUNDATION = PROJECT / "target" / "foundation"
"""Where set-up leaves what no installation needs to do again (sillage.lake.foundation)."""
PARSED = "partial_parse.msgpack"
PROJECT_MARK = "project"
"""Beside the marts: the fingerprint of the project that they were built by."""
AS_OF_SEQ = "SILLAGE_AS_OF_SEQ"
AS_OF_AT = "SILLAGE_AS_OF_AT"
PREVIOUS_SEQ = "SILLAGE_PREVIOUS_SEQ"
VIEWS_STAND = "SILLAGE_VIEWS_STAND"
FOUNDED = "founded "
"""Before the fingerprint of a project whose views stand, and whose tables nobody has filled yet."""
# Pages that were opened before a build read the tables that it replaced, until their query ends.
KEPT_MIN = 30
_LOCK_POLL_S = 0.5
_FAILED = {"error", "fail", "runtime error"}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did."""

    as_of_seq: int
    as_of_at: datetime
    is_full_refresh: bool
    models: int
    tests: int
    warnings: list[str]
    seconds: float


def build_marts(
    settings: Settings,
    *,
    full_refresh: bool = False,
    select: str | None = None,
    unit_tests: bool = False,
    wait_s: float = 600.0,
) -> BuildResult:
    """Run `dbt build` over the lake as it is now; a changed project or a lake set back makes it a full refresh.

    Data tests always run; the project's unit tests, which no data can change, only where asked for.

    Raises: TransientError where another build still runs after `wait_s` seconds; Refused, which names the model or
    test, where the build fails.
    """
    started = time.monotonic()
    with alone(settings, wait_s):
        as_of_seq, as_of_at = _lake_position(settings), settings.clock.now()
        fingerprint = project_fingerprint()
        previous = _previous(settings, as_of_seq, fingerprint)
        full_refresh = full_refresh or (catalog.exists(settings.marts_dir) and previous is None)
        options = ["--full-refresh"] if full_refresh else []
        options += [] if unit_tests else ["--exclude-resource-type", "unit_test"]
        options += ["--select", *select.split()] if select else []
        views_stand = _mark(settings).removeprefix(FOUNDED) == fingerprint
        if select is None and not views_stand:
            # Until this build is through, the tables and views are of no project.
            _fingerprint_file(settings).parent.mkdir(parents=True, exist_ok=True)
            _fingerprint_file(settings).write_text("being built")
        position = {
            AS_OF_SEQ: str(as_of_seq),
            AS_OF_AT: as_of_at.isoformat(),
            PREVIOUS_SEQ: "" if full_refresh or previous is None else str(previous),
            VIEWS_STAND: "yes" if views_stand else "no",
        }
        results = _run_dbt(settings, position, options)
        if select is None:
            _fingerprint_file(settings).write_text(fingerprint)
        _tidy(settings)
    nodes = [_kind(r) for r in results]
    done = BuildResult(
        as_of_seq=as_of_seq,
        as_of_at=as_of_at,
        is_full_refresh=full_refresh,
        models=nodes.count("model"),
        tests=nodes.count("test") + nodes.count("unit_test"),
        warnings=[_sentence(r) for r in results if r["status"] == "warn"],
        seconds=time.monotonic() - started,
    )
    log.info(
        "marts.built",
        as_of_seq=done.as_of_seq,
        full_refresh=done.is_full_refresh,
        models=done.models,
        tests=done.tests,
        warnings=len(done.warnings),
        seconds=round(done.seconds, 1),
    )
    return done


@contextmanager
def alone(settings: Settings, wait_s: float) -> Iterator[None]:
    """Hold the right to write the marts.

    Raises: TransientError where another build still runs after `wait_s` seconds.
    """
    deadline = time.monotonic() + wait_s
    while True:
        lock = catalog.sole_writer(settings.marts_dir, "build", what="writes")
        try:
            lock.__enter__()
        except TransientError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOCK_POLL_S)
            continue
        try:
            yield
        finally:
            lock.__exit__(None, None, None)
        return


def _lake_position(settings: Settings) -> int:
    """The last number of the lake's sequence. A lake that nobody has written yet is made, empty."""
    if not catalog.exists(settings.lake_dir):
        with catalog.sole_writer(settings.lake_dir, "collector", what="writes"):
            con = catalog.connect(settings)
            try:
                catalog.attach_lake(con, settings, read_only=False)
                schema.create(con)
            finally:
                con.close()
        return 0
    return int(_one(settings, "lake", "select coalesce(max(lake_seq), 0) from lake.main.events") or 0)


def _previous(settings: Settings, as_of_seq: int, fingerprint: str) -> int | None:
    """Up to where the whole last build read; None where the tables are not of this project or of this lake."""
    if _mark(settings) != fingerprint:
        return None
    held = _one(settings, "marts", "select max(as_of_seq) from marts.main.as_of")
    return int(held) if held is not None and held <= as_of_seq else None


def _one(settings: Settings, store: str, sql: str) -> Any:
    con = catalog.connect(settings)
    try:
        attach = catalog.attach_lake if store == "lake" else catalog.attach_marts
        attach(con, settings, read_only=True)
        found = con.execute(sql).fetchone()
    except (duckdb.CatalogException, NotFound):
        return None
    except duckdb.Error as exc:
        raise TransientError(f"{store} does not answer: {exc}") from exc
    finally:
        con.close()
    return found[0] if found else None


def project_fingerprint() -> str:
    """A fingerprint of all that decides what the tables look like."""
    digest = hashlib.blake2b(digest_size=16)
    # What providers report stands in counts that are kept; the thresholds do not.
    shapes = ("models/**/*", "macros/**/*", "materializations/**/*", "dbt_project.yml")
    paths = [path for shape in shapes for path in sorted(PROJECT.glob(shape))]
    for path in [*paths, ROOT / "data" / "providers.toml"]:
        if path.is_file():
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _fingerprint_file(settings: Settings) -> Path:
    return settings.marts_dir / PROJECT_MARK


def _mark(settings: Settings) -> str:
    file = _fingerprint_file(settings)
    return file.read_text() if file.exists() else ""


def _run_dbt(settings: Settings, position: dict[str, str], options: list[str]) -> list[dict[str, Any]]:
    target = settings.data_dir / "dbt"
    target.mkdir(parents=True, exist_ok=True)
    parsed = FOUNDATION / PARSED
    if parsed.exists() and not (target / PARSED).exists():
        # dbt parses again only the files that have changed since; a whole parse takes it 6 s.
        shutil.copyfile(parsed, target / PARSED)
    run_results = target / "run_results.json"
    run_results.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "dbt.cli.main",
        "--quiet",
        "--no-version-check",
        "--log-level-file",
        "info",
        "build",
    ]
    command += ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    command += ["--target-path", str(target), "--log-path", str(target)]
    command += options
    environment = {
        **settings.environment(),
        **position,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    done = subprocess.run(  # noqa: S603  # our own interpreter, our own arguments
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    results: list[dict[str, Any]] = json.loads(run_results.read_text())["results"] if run_results.exists() else []
    failed = [_sentence(r) for r in results if r["status"] in _FAILED]
    if failed or done.returncode != 0:
        said = "; ".join(failed) or (done.stdout + done.stderr).strip()[-2000:] or f"exit code {done.returncode}"
        raise Refused(f"the marts could not be built: {said} (log: {target / 'dbt.log'})")
    return results


def _tidy(settings: Settings) -> None:
    """Drop the files of tables that this build replaced, once nobody can still be reading them."""
    con = catalog.connect(settings)
    try:
        catalog.attach_marts(con, settings, read_only=False)
        before = f"now() - interval {KEPT_MIN} minute"
        con.execute("call ducklake_merge_adjacent_files('marts')")
        con.execute(f"call ducklake_expire_snapshots('marts', older_than => {before})")
        con.execute(f"call ducklake_cleanup_old_files('marts', older_than => {before})")
    except duckdb.Error as exc:
        # The answers are there; the next build tidies up after both.
        log.warning("marts.untidy", error=str(exc).splitlines()[0])
    finally:
        con.close()


def _kind(result: dict[str, Any]) -> str:
    return str(result["unique_id"]).split(".", 1)[0]


def _sentence(result: dict[str, Any]) -> str:
    name = str(result["unique_id"]).split(".")[2]
    return f"{_kind(result)} {name}: {' '.join(str(result.get('message') or result['status']).split())[:400]}"
