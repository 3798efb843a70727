"""Where pictures of mails lie, by the key in their public address: whoever serves them needs no more than this."""

from __future__ import annotations

import re
from pathlib import Path

from sillage.settings import Settings

TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif"}
EXTENSIONS = {kind: extension for extension, kind in TYPES.items()}
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


def file_of(settings: Settings, key: str, extension: str) -> Path | None:
    """Where the file of an address lies; None where no address of ours looks so."""
    if not _KEY.fullmatch(key) or extension not in TYPES:
        return None
    return settings.images_dir / key[:2] / f"{key}.{extension}"
