"""Who is at work on something: a file lock that its holder's death frees.

Dagster believes that a run lives until somebody says that it ended; a killed process says nothing. A run holds the
turn of its work, so that a sensor can tell a run that works from one that was killed. It speaks of this machine alone.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sillage.settings import Settings


@contextmanager
def held(settings: Settings, work: str) -> Iterator[None]:
    """Hold the turn of some work; waits for whoever holds it."""
    path = _path(settings, work)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        # Who held it took the file away when done: what we got is the lock of a file that nobody finds any more.
        os.close(descriptor)


def is_held(settings: Settings, work: str) -> bool:
    """Whether a living process of this machine has that turn."""
    try:
        descriptor = os.open(_path(settings, work), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _path(settings: Settings, work: str) -> Path:
    return settings.data_dir / "turns" / f"{hashlib.blake2b(work.encode(), digest_size=16).hexdigest()}.lock"
