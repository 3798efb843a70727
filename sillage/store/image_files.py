"""Where pictures of mails lie, by the key in their public address: whoever serves them needs no more than this.

They lie in the data directory, or in a bucket that all machines share (`images_url`); then the data directory holds
copies of what was asked for: a picture never changes, and a mail to a million people asks the bucket once.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from secrets import token_hex

from sillage.settings import Settings
from sillage.store.object_store import bucket_of

TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif"}
EXTENSIONS = {kind: extension for extension, kind in TYPES.items()}
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


def file_of(settings: Settings, key: str, extension: str) -> Path | None:
    """Where the file of an address lies on this machine; None where no address of ours looks so."""
    if not _KEY.fullmatch(key) or extension not in TYPES:
        return None
    return settings.images_dir / key[:2] / f"{key}.{extension}"


def put(settings: Settings, key: str, extension: str, content: bytes) -> None:
    """Keep a picture, whole or not at all, as good as on the disk when this returns.

    Raises: TransientError where the bucket does not take it.
    """
    path, bucket = file_of(settings, key, extension), bucket_of(settings)
    assert path is not None  # noqa: S101  # a key that was just made
    if bucket is not None:
        bucket.put(f"{key}.{extension}", content, TYPES[extension])
    _write(path, content)


def read(settings: Settings, key: str, extension: str) -> bytes | None:
    """A picture's bytes; None where there is none.

    Raises: TransientError where it is not on this machine and the bucket does not answer.
    """
    path = file_of(settings, key, extension)
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError:
        bucket = bucket_of(settings)
    content = bucket.get(f"{key}.{extension}") if bucket is not None else None
    if content is not None:
        _write(path, content)
    return content


def remove(settings: Settings, key: str, extension: str) -> None:
    """Throw a picture away. Raises: TransientError where the bucket does not answer."""
    path, bucket = file_of(settings, key, extension), bucket_of(settings)
    if path is None:
        return
    if bucket is not None:
        bucket.delete(f"{key}.{extension}")
    path.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may fetch the same picture in one moment: each writes a file of its own, and the last one stays.
    half = path.with_name(f"{path.name}.{token_hex(4)}.half")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
