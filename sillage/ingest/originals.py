"""Originals of imported files: kept as long as they prove something, so that an import can be resumed and shown."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sillage.domain.consent import CONSENT_LASTS
from sillage.domain.ids import AccountId, ImportId
from sillage.errors import BadInput, TransientError
from sillage.settings import Settings
from sillage.store import files
from sillage.store.database import Store

ORIGINAL = "import_original"
REFUSED = "import_refused"
KEPT_WITHOUT_PROOF = timedelta(days=90)
_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """The fingerprint of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def place_of(settings: Settings, account_id: AccountId, sha256: str) -> Path:
    """Where the original of a file lies. Its content decides what it is, so it needs no suffix."""
    return settings.files_dir / "imports" / str(account_id) / sha256


def place_of_refused(settings: Settings, account_id: AccountId, import_id: ImportId) -> Path:
    """Where the refused rows of an import lie."""
    return settings.files_dir / "refused" / str(account_id) / f"import-{import_id}.csv"


def keep(
    store: Store, account_id: AccountId, source: Path, place: Path, sha256: str, *, proves_consent: bool, now: datetime
) -> None:
    """Register a file and copy it to its place, whole or not at all.

    Raises: BadInput (file_changed) where it is no longer the file that was looked at; TransientError on a full disk.
    """
    lasts = CONSENT_LASTS if proves_consent else KEPT_WITHOUT_PROOF
    with store.write() as conn:
        files.register(conn, account_id, ORIGINAL, place, now, now + lasts)
    if place.exists():
        return
    part = place.with_name(f"{place.name}.part")
    with full_disk_told(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with source.open("rb") as from_, os.fdopen(descriptor, "wb") as to:
            while chunk := from_.read(_CHUNK):
                digest.update(chunk)
                to.write(chunk)
            to.flush()
            os.fsync(to.fileno())
    if digest.hexdigest() != sha256:
        part.unlink()
        raise BadInput(f"{source.name} changed while it was read; try again when it is complete", code="file_changed")
    part.replace(place)


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Say of a full disk that it is full.

    Raises: TransientError.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TransientError(
                f"the disk is full: {path.name} can't be written; free some space, then go on"
            ) from exc
        raise


@contextmanager
def turn(place: Path, *, waits: bool) -> Iterator[bool]:
    """One import of a file at a time, on this machine: True while it is ours. Its holder's death frees it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(place.with_name(f"{place.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
