"""On what kind of device a message was read or a link followed, as the user agent says. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

_PROXY = re.compile("googleimageproxy|yahoomailproxy")
"""They fetch when a person opens, under an agent of their own: what the person holds stays unknown."""
_TABLET = re.compile("ipad|tablet|kindle|silk/|android(?!.*mobi)")
_PHONE = re.compile("mobi|iphone|ipod|blackberry|windows phone")
_COMPUTER = re.compile("windows|macintosh|x11|linux|cros")


@lru_cache(maxsize=4096)
def device_of(agent: str | None) -> str | None:
    """mobile, tablet or desktop; None where the agent does not say."""
    if not agent:
        return None
    said = agent.lower()
    if _PROXY.search(said):
        return None
    for device, mark in (("tablet", _TABLET), ("mobile", _PHONE), ("desktop", _COMPUTER)):
        if mark.search(said):
            return device
    return None
