"""Contacts that come through a pipe: read to its end first, since a file is looked at more than once."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sillage.errors import BadInput

STANDARD_INPUT = Path("-")
NAME = "standard-input"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """The file itself; of `-` or a pipe, a file of what came through it, gone when this ends.

    Raises: BadInput where nothing came. Where the sender dies in the middle there is no way to know it: what came
    is what there is, and a half row is refused as any other.
    """
    if path != STANDARD_INPUT and not (path.exists() and not path.is_file() and not path.is_dir()):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="sillage-piped-") as folder:
        kept = Path(folder) / NAME
        with kept.open("wb") as file:
            if path == STANDARD_INPUT:
                shutil.copyfileobj(sys.stdin.buffer, file)
            else:
                with path.open("rb") as pipe:
                    shutil.copyfileobj(pipe, file)
        if kept.stat().st_size == 0:
            raise BadInput(f"nothing came through {path}", code="empty_file")
        yield kept
