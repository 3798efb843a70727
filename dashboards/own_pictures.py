"""Pictures of the library inside a page that is shown: its policy fetches nothing, not even from us."""

from __future__ import annotations

import base64
import re

from dashboards.shell import Desk
from sillage.store import image_files, images

_LIBRARY = re.compile(r"/i/([A-Za-z0-9_-]{22})\.(png|jpg|gif)")


def keys_in(page: str) -> set[str]:
    """The keys of the pictures that a page shows from a library."""
    return {found.group(1) for found in _LIBRARY.finditer(page)}


def with_own_pictures(desk: Desk, page: str) -> str:
    """The page with the account's own pictures in it, as data."""
    base = desk.settings.base_url
    with desk.store.read() as conn:
        known = images.by_keys(conn, desk.account_id, keys_in(page))
    for image in known.values():
        content = image_files.read(desk.settings, image.key, image_files.EXTENSIONS[image.type])
        if content is not None:
            data = f"data:{image.type};base64,{base64.b64encode(content).decode()}"
            page = page.replace(base + image.path, data)
    return page
