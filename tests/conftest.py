"""What all tests share: a store on a temporary directory, on both engines, and settings that point there."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.migrate import upgrade

hypothesis_settings.register_profile("dev", max_examples=25, deadline=None)
hypothesis_settings.register_profile("ci", max_examples=100, deadline=None)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "dev")

SECRET = "0123456789abcdef0123456789abcdef"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long and how the chaos test rages."""
    parser.addoption("--chaos-minutes", default=os.environ.get("CHAOS_MINUTES", "0.4"), help="of blows, per engine")
    parser.addoption("--chaos-seed", default=os.environ.get("CHAOS_SEED", "1"), help="of blows and mishaps")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test states what it claims: one without a docstring is refused. Files with slow tests come first."""
    for item in items:
        if isinstance(item, pytest.Function) and not item.function.__doc__:
            raise pytest.UsageError(f"{item.nodeid} has no docstring: say what it claims")
    # The processes take whole files in turn: a long one that comes last leaves the others idle until it ends.
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("SILLAGE_") and name != "SILLAGE_SHARED":
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an installation in a temporary directory."""
    return Settings(data_dir=tmp_path / "run", secret=SECRET, demo=True)  # type: ignore[arg-type]


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty ops on SQLite."""
    found = Store(settings.database_url)
    upgrade(found)
    yield found
    found.close()


def free_port() -> int:
    """A loopback port that nobody listens on, and that no outgoing connection is given before its server starts."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("none of 200 loopback ports is free")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a private PostgreSQL cluster on a loopback port, stopped and removed at the end."""
    bins = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not bins:
        pytest.skip("PostgreSQL is not installed: `make system` installs it where it may")
    # Not below pytest's own directory, which only its owner may enter: PostgreSQL refuses to run as root.
    with tempfile.TemporaryDirectory(prefix="sillage-postgres-") as name:
        yield from cluster(Path(name), bins[-1].parent)


def cluster(folder: Path, bin_dir: Path) -> Iterator[str]:
    run: list[str | Path] = []
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        run = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    home, port = folder / "data", free_port()
    subprocess.run(
        [*run, bin_dir / "initdb", "-D", home, "-U", "sillage", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = [*run, bin_dir / "pg_ctl", "-D", home, "-w"]
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], check=True, capture_output=True, cwd="/")
    try:
        yield f"postgresql://sillage@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_store(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Store]:
    """An empty ops, on each engine in turn."""
    if request.param == "sqlite":
        found = Store(settings.database_url)
    else:
        found = Store(_fresh_database(request.getfixturevalue("postgres")))
    upgrade(found)
    yield found
    found.close()


def _fresh_database(url: str) -> str:
    import psycopg

    name = f"t{free_port()}{os.urandom(3).hex()}"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    return url.replace("/postgres", f"/{name}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data; tests that need it skip where it is absent."""
    path = Path(os.environ.get("SILLAGE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"no real data in {path}: set SILLAGE_SHARED")
    return path
