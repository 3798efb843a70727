"""A template as one file that can be handed on: a ZIP of template.toml, the source, and its pictures.

name = "Autumn"
subject = "The autumn collection"
preheader = "Copper, wool and low light"
source = "template.mjml"                # or template.html
[[images]]
path = "images/lamp.png"
cid = "lamp"                            # <img src="cid:lamp">

It is read from memory and never unpacked to a disk, so that no name in it can lead anywhere.
"""

from __future__ import annotations

import io
import tomllib
import zipfile
from pathlib import PurePosixPath
from typing import Any

from sillage.content.message import Source
from sillage.content.mime import Attachment
from sillage.domain.campaign import SourceKind
from sillage.errors import BadInput

MAX_FILE = 10 * 1024 * 1024
MAX_SOURCE = 1_000_000
MAX_IMAGES = 30
MAX_CONTENT = 12 * 1024 * 1024
"""All that is unpacked: a small ZIP can hold a very large file."""
_TYPES = {
    ".png": ("image/png", b"\x89PNG\r\n\x1a\n"), ".jpg": ("image/jpeg", b"\xff\xd8\xff"),
    ".jpeg": ("image/jpeg", b"\xff\xd8\xff"), ".gif": ("image/gif", b"GIF8"), ".webp": ("image/webp", b"RIFF"),
}  # fmt: skip


def pack(name: str, source: Source) -> bytes:
    """A template as a file."""
    path = f"template.{source.kind.value}"
    lines = [f"{key} = {_quoted(text)}" for key, text in (
        ("name", name), ("subject", source.subject), ("preheader", source.preheader), ("source", path),
    )]  # fmt: skip
    shown = [file for file in source.files if file.cid]
    for number, file in enumerate(shown, 1):
        at = f"images/{number:02d}{PurePosixPath(file.name).suffix.lower()}"
        lines += ["", "[[images]]", f"path = {_quoted(at)}", f"cid = {_quoted(file.cid)}"]
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("template.toml"), "\n".join(lines) + "\n")
        archive.writestr(_entry(path), source.body)
        for number, file in enumerate(shown, 1):
            archive.writestr(_entry(f"images/{number:02d}{PurePosixPath(file.name).suffix.lower()}"), file.content)
    return held.getvalue()


def unpack(raw: bytes) -> tuple[str, Source]:
    """The name and the source in a file.

    Raises: BadInput that names what is wrong in it.
    """
    if len(raw) > MAX_FILE:
        raise _bad(f"it is larger than {MAX_FILE:,} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as exc:
        raise _bad(f"it is no ZIP that can be read ({exc})") from exc


def _read(archive: zipfile.ZipFile) -> tuple[str, Source]:
    if sum(info.file_size for info in archive.infolist()) > MAX_CONTENT:
        raise _bad(f"it unpacks to more than {MAX_CONTENT:,} bytes")
    try:
        told: dict[str, Any] = tomllib.loads(_text(archive, "template.toml", 100_000))
    except tomllib.TOMLDecodeError as exc:
        raise _bad(f"template.toml does not parse: {exc}") from exc
    path = _word(told, "source")
    kind = {".mjml": SourceKind.MJML, ".html": SourceKind.HTML}.get(PurePosixPath(path).suffix.lower())
    if kind is None:
        raise _bad(f"source is {path!r}: name a .mjml or a .html")
    images = told.get("images", [])
    if not isinstance(images, list) or len(images) > MAX_IMAGES:
        raise _bad(f"images must be a list of {MAX_IMAGES} at most")
    files = tuple(_image(archive, image) for image in images)
    return _word(told, "name"), Source(
        kind, _text(archive, path, MAX_SOURCE), _word(told, "subject"), _word(told, "preheader"), files=files
    )


def _image(archive: zipfile.ZipFile, told: Any) -> Attachment:
    if not isinstance(told, dict):
        raise _bad("each of images needs a path and a cid")
    path, cid = _word(told, "path"), _word(told, "cid")
    kind = _TYPES.get(PurePosixPath(path).suffix.lower())
    content = _bytes(archive, path, MAX_CONTENT)
    if kind is None or not content.startswith(kind[1]):
        raise _bad(f"{path} is no PNG, JPEG, GIF or WebP")
    return Attachment(PurePosixPath(path).name, kind[0], content, cid)


def _word(told: dict[str, Any], key: str) -> str:
    value = told.get(key, "")
    if not isinstance(value, str) or len(value) > 1000 or not value.isprintable():  # noqa: PLR2004  # as a campaign's
        raise _bad(f"{key} must be a text of 1,000 printable characters at most")
    return value


def _text(archive: zipfile.ZipFile, path: str, most: int) -> str:
    try:
        return _bytes(archive, path, most).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise _bad(f"{path} is not UTF-8: {exc}") from exc


def _bytes(archive: zipfile.ZipFile, path: str, most: int) -> bytes:
    """What a ZIP says of a size is not believed: no more is read than may be."""
    try:
        with archive.open(path) as file:
            found = file.read(most + 1)
    except KeyError:
        raise _bad(f"{path or 'a file'} is not in it") from None
    if len(found) > most:
        raise _bad(f"{path} is larger than {most:,} bytes")
    return found


def _entry(path: str) -> zipfile.ZipInfo:
    """Always the same moment, so that the same template is the same file."""
    info = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _quoted(text: str) -> str:
    """TOML's basic string."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bad(what: str) -> BadInput:
    return BadInput(f"this is no template file: {what}; export one to see what it looks like", code="bad_template")
