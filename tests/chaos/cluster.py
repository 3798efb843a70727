"""A PostgreSQL cluster that can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

from tests.conftest import free_port


class Cluster:
    """One cluster in a folder, on a loopback port. It writes to the page cache only: kill -9 loses nothing."""

    def __init__(self, folder: Path, bin_dir: Path) -> None:
        self._folder, self._bin = folder, bin_dir
        self._run: list[str | Path] = []
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            self._run = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self._port = free_port()
        self.url = f"postgresql://sillage@127.0.0.1:{self._port}/postgres"
        subprocess.run(
            [*self._run, bin_dir / "initdb", "-D", folder / "data", "-U", "sillage", "-A", "trust", "-E", "UTF8",
             "--no-sync"],
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip

    def start(self) -> None:
        where = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        subprocess.run(
            [*self._control(), "-l", self._folder / "log", "-o", f"{where} -c fsync=off", "start"],
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip

    def stop(self) -> None:
        subprocess.run([*self._control(), "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")

    def _control(self) -> list[str | Path]:
        return [*self._run, self._bin / "pg_ctl", "-D", self._folder / "data", "-w"]

    def _processes(self) -> list[psutil.Process]:
        pid = int((self._folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        with suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(pid)
            return [postmaster, *postmaster.children(recursive=True)]
        return []

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the postmaster and all that it has started."""
        found = self._processes()
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        if number is signal.SIGKILL:
            psutil.wait_procs(found, timeout=10)
