"""What a template or the editor put into a mail to be replaced: sample pictures, and links to nobody's site."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import dataclass
from functools import cache

from PIL import Image

from sillage.content.images import picture_of
from sillage.content.message import Source
from sillage.content.templates import FOLDER

_NOWHERE = re.compile(r"""\shref\s*=\s*["']?https?://(?:www\.)?example\.(?:com|org|net)(?![\w.-])""", re.IGNORECASE)
_LIBRARY = re.compile(r"/i/([A-Za-z0-9_-]{22})\.(?:png|jpg|gif)")
_BACKGROUND = {"placeholder": "#D5E2E5", "video": "#0B2545"}


@dataclass(frozen=True, slots=True)
class Samples:
    """How many sample pictures, and how many links to example.com, a mail still has."""

    pictures: int
    links: int

    @property
    def are_left(self) -> bool:
        """Whether there is anything to replace."""
        return bool(self.pictures or self.links)


@cache
def placeholders() -> dict[str, str]:
    """What stands in a new picture and in a new video until somebody chooses one, as addresses that carry it."""
    made = {}
    for name, colour in _BACKGROUND.items():
        out = io.BytesIO()
        Image.new("RGB", (600, 300), colour).save(out, "PNG", optimize=True)
        made[name] = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
    return made


def library_keys(body: str) -> set[str]:
    """The keys of the pictures that a mail shows from an account's library."""
    return {found.group(1) for found in _LIBRARY.finditer(body)}


def samples_in(source: Source, digests: set[str]) -> Samples:
    """What of a mail is a sample still. `digests` are the SHA-256 of the pictures that it shows from the library."""
    inline = {hashlib.sha256(f.content).hexdigest() for f in source.files if f.cid and f"cid:{f.cid}" in source.body}
    shown = sum(address in source.body for address in placeholders().values())
    if inline or digests:
        shown += len((inline | digests) & _known())
    return Samples(shown, len(_NOWHERE.findall(source.body)))


@cache
def _known() -> frozenset[str]:
    """The library's pictures: as they are, and as an account's library keeps them."""
    found = set[str]()
    for path in sorted((FOLDER / "images").glob("*.png")):
        raw = path.read_bytes()
        found |= {hashlib.sha256(raw).hexdigest(), hashlib.sha256(picture_of(raw, path.name).content).hexdigest()}
    return frozenset(found)
