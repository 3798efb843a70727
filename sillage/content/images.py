"""Pictures for mails: whatever came in is looked at, bounded, turned upright, made small and written anew.

What is kept is what we wrote, not what was uploaded: no metadata (where a photo was taken), no trailing bytes, and only
types that every mail reader shows (WebP becomes PNG or JPEG: Outlook for Windows shows none).
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from sillage.errors import BadInput

MAX_UPLOAD = 15 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_FRAMES = 200
MAX_WIDTH = 1200
"""Twice the 600 points of a mail's width, for dense screens."""
MAX_HEIGHT = 5000
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_SVG = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ready to be kept."""

    type: str
    content: bytes
    width: int
    height: int


def picture_of(raw: bytes, name: str) -> Picture:
    """A picture out of an upload.

    Raises: BadInput that says why it is none, or too large.
    """
    if len(raw) > MAX_UPLOAD:
        raise BadInput(f"{name} is larger than {MAX_UPLOAD:,} bytes; save it smaller", code="image_too_large")
    if _SVG.match(raw[:4096]):
        raise BadInput(f"{name} is SVG, which mail readers don't show; save it as PNG", code="image_is_svg")
    try:
        # The formats are named: whatever the file is called, no other reader of Pillow's looks at it.
        with Image.open(io.BytesIO(raw), formats=_FORMATS) as found:
            _bound(found, name)
            return _animated(found) if found.format == "GIF" and _frames(found) > 1 else _still(found)
    except UnidentifiedImageError as exc:
        raise BadInput(f"{name} is no PNG, JPEG, GIF or WebP, whatever it is called", code="not_an_image") from exc
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as exc:
        raise BadInput(f"{name} can't be read: {exc}; save it anew", code="bad_image") from exc


def _frames(found: Image.Image) -> int:
    return int(getattr(found, "n_frames", 1))


def _bound(found: Image.Image, name: str) -> None:
    """Before anything is decoded: a small file can stand for a very large picture."""
    width, height = found.size
    if width * height > MAX_PIXELS:
        raise BadInput(f"{name} has {width} by {height} pixels; {MAX_PIXELS:,} is the most", code="image_too_large")
    frames = _frames(found)
    if frames > MAX_FRAMES or frames * width * height > 2 * MAX_PIXELS:
        raise BadInput(f"{name} has {frames} frames; make it shorter or smaller", code="image_too_large")


def _still(found: Image.Image) -> Picture:
    upright = ImageOps.exif_transpose(found) or found
    has_alpha = "A" in upright.getbands() or "transparency" in upright.info
    shown = upright.convert("RGBA" if has_alpha else "RGB")
    small = _fitted(shown)
    if has_alpha and small.getchannel("A").getextrema() == (255, 255):
        has_alpha, small = False, small.convert("RGB")
    if has_alpha or (found.format in {"PNG", "GIF"}):
        return _written(small, "PNG", "image/png")
    return _written(small, "JPEG", "image/jpeg")


def _animated(found: Image.Image) -> Picture:
    frames, durations = [], []
    for frame in ImageSequence.Iterator(found):
        frames.append(_fitted(frame.convert("RGBA")))
        durations.append(int(frame.info.get("duration", 100)) or 100)
    out = io.BytesIO()
    frames[0].save(
        out, "GIF", save_all=True, append_images=frames[1:], duration=durations, disposal=2,
        loop=int(found.info.get("loop", 0)),
    )  # fmt: skip
    return Picture("image/gif", out.getvalue(), *frames[0].size)


def _fitted(image: Image.Image) -> Image.Image:
    width, height = image.size
    ratio = min(MAX_WIDTH / width, MAX_HEIGHT / height, 1.0)
    if ratio == 1.0:
        return image.copy()
    return image.resize((max(1, round(width * ratio)), max(1, round(height * ratio))), Image.Resampling.LANCZOS)


def _written(image: Image.Image, kind: str, type_: str) -> Picture:
    # Into a new picture, so that nothing of the old one's metadata comes along.
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    out = io.BytesIO()
    if kind == "JPEG":
        clean.save(out, kind, quality=86, optimize=True, progressive=True)
    else:
        clean.save(out, kind, optimize=True)
    return Picture(type_, out.getvalue(), *clean.size)
