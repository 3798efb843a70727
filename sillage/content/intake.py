"""A mail that was made elsewhere: read from any bytes, out of a ZIP with its pictures, ready to become a draft.

Nothing of a ZIP is written to a disk under a name of its own. What was taken in stays as its author wrote it, apart
from the addresses of its pictures: showing it safely is the business of whoever shows it.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin

from charset_normalizer import from_bytes

from sillage.domain.campaign import SourceKind
from sillage.errors import BadInput

MAX_SOURCE = 2_000_000
MAX_ZIP = 30 * 1024 * 1024
MAX_UNPACKED = 60 * 1024 * 1024
MAX_ENTRIES = 500
MAX_PICTURES = 60
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_MJML = re.compile(r"<mjml[\s>]", re.IGNORECASE)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_ADDRESS = re.compile(
    r"""(?P<before>\b(?:src|background|background-url|poster)\s*=\s*)(?P<quote>["'])(?P<url>[^"']{1,2000})(?P=quote)"""
    r"""|(?P<css>\burl\(\s*)(?P<cssquote>["']?|&quot;)(?P<cssurl>[^"')&]{1,2000})(?P=cssquote)(?=\s*\))""",
    re.IGNORECASE,
)
_DATA = re.compile(r"data:image/[a-z+.-]{1,20};base64,(?P<code>[A-Za-z0-9+/=\s%]{40,})", re.IGNORECASE)
_LINK = re.compile(r"""(\bhref\s*=\s*)(["'])([^"']{1,2000})\2""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A mail, and the pictures that it brought, by the address that it calls them by."""

    name: str
    kind: SourceKind
    body: str
    pictures: Mapping[str, bytes]


def text_of(raw: bytes, name: str) -> str:
    """Bytes as text: by their mark, as UTF-8, by what the page says of itself, else by how they look.

    Raises: BadInput where they are too many, or no text.
    """
    if len(raw) > MAX_SOURCE:
        raise BadInput(f"{name} is larger than {MAX_SOURCE:,} bytes; take its pictures out", code="too_large")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _clean(raw.decode("utf-16", "replace"), name)
    try:
        return _clean(raw.decode("utf-8-sig"), name)
    except UnicodeDecodeError:
        pass
    told = _CHARSET.search(raw[:4096])
    for charset in (told.group(1).decode("ascii"),) if told else ():
        try:
            return _clean(raw.decode(charset), name)
        except (LookupError, UnicodeDecodeError):
            break
    best = from_bytes(raw[:100_000]).best()
    try:
        return _clean(raw.decode(best.encoding if best else "cp1252"), name)
    except (LookupError, UnicodeDecodeError):
        return _clean(raw.decode("cp1252", "replace"), name)


def _clean(text: str, name: str) -> str:
    if "\x00" in text:
        raise BadInput(f"{name} is no text", code="not_a_text")
    # The characters that mark places of ours in compiled text can't stand in a source.
    return re.sub(r"[\ue000-\ue002]", "", text.replace("\r\n", "\n").replace("\r", "\n"))


def kind_of(text: str) -> SourceKind:
    """MJML where there is a root of it, else HTML."""
    return SourceKind.MJML if _MJML.search(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)) else SourceKind.HTML


def from_file(raw: bytes, name: str) -> TakenIn:
    """A mail out of an upload: MJML, HTML, plain text, or a ZIP of one with its pictures.

    Raises: BadInput that says what is wrong with it.
    """
    if raw.startswith(b"PK"):
        return _from_zip(raw, name)
    text = text_of(raw, name)
    if not text.strip():
        raise BadInput(f"{name} is empty", code="empty")
    return TakenIn(PurePosixPath(name).stem, kind_of(text), text, {})


def _from_zip(raw: bytes, name: str) -> TakenIn:
    if len(raw) > MAX_ZIP:
        raise BadInput(f"{name} is larger than {MAX_ZIP:,} bytes", code="too_large")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return _unpacked(archive, name)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as exc:
        raise BadInput(f"{name} is no ZIP that can be read: {exc}", code="bad_zip") from exc


def _unpacked(archive: zipfile.ZipFile, name: str) -> TakenIn:
    entries = [e for e in archive.infolist() if not e.is_dir() and "__MACOSX" not in e.filename]
    if len(entries) > MAX_ENTRIES:
        raise BadInput(f"{name} holds more than {MAX_ENTRIES} files", code="too_large")
    mails = sorted(
        (e for e in entries if e.filename.lower().endswith((".mjml", ".html", ".htm"))),
        key=lambda e: (not e.filename.lower().endswith(".mjml"), "index" not in e.filename.lower(),
                       e.filename.count("/"), e.filename),
    )  # fmt: skip
    if not mails:
        raise BadInput(f"{name} holds no .html and no .mjml", code="no_mail_in_zip")
    left = MAX_UNPACKED

    def read(entry: zipfile.ZipInfo, most: int) -> bytes:
        nonlocal left
        with archive.open(entry) as file:
            # What a ZIP says of a size is not believed: no more is read than may be.
            content = file.read(min(most, left) + 1)
        if len(content) > min(most, left):
            raise BadInput(f"{entry.filename} in {name} is too large", code="too_large")
        left -= len(content)
        return content

    body = text_of(read(mails[0], MAX_SOURCE), mails[0].filename)
    folder = PurePosixPath(mails[0].filename).parent
    held = {_plain(PurePosixPath(e.filename)): e for e in entries if e.filename.lower().endswith(_PICTURES)}
    pictures: dict[str, bytes] = {}
    for address in pictures_of(body):
        entry = held.get(_plain(folder / unquote(address.partition("?")[0].partition("#")[0])))
        if entry is not None and len(pictures) < MAX_PICTURES:
            pictures[address] = read(entry, MAX_ZIP)
    return TakenIn(PurePosixPath(name).stem, kind_of(body), body, pictures)


def _plain(path: PurePosixPath) -> str:
    """A path within the ZIP, with its dots walked; it is only ever a key."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts = parts[:-1]
        elif part not in {".", "/"}:
            parts.append(part)
    return "/".join(parts).lower()


def pictures_of(body: str) -> list[str]:
    """The addresses of a mail's pictures, each once, in order; those that hold a merge field are not known yet."""
    found = ((m["url"] or m["cssurl"]).strip() for m in _ADDRESS.finditer(body))
    return list(dict.fromkeys(u for u in found if u and "{{" not in u and "{%" not in u and "*|" not in u))


def inside(body: str) -> dict[str, bytes]:
    """Pictures that stand in the mail itself as base64, by their whole address: Gmail shows none of them."""
    found: dict[str, bytes] = {}
    for match in _DATA.finditer(body):
        if len(found) >= MAX_PICTURES:
            break
        try:
            found[match.group()] = base64.b64decode(unquote(match["code"]), validate=False)
        except binascii.Error:
            continue
    return found


def with_pictures(body: str, kept: Mapping[str, str]) -> str:
    """The mail with other addresses for its pictures."""
    for address, other in kept.items():
        if address.startswith("data:"):
            body = body.replace(address, other)
    return _readdressed(body, lambda url: kept.get(url, url))


def made_absolute(body: str, base: str) -> str:
    """The mail of a web page with whole addresses, of pictures and links."""

    def whole(url: str) -> str:
        has_scheme = re.match(r"[a-z][a-z0-9+.-]*:", url, re.IGNORECASE) is not None
        return url if has_scheme or url.startswith(("#", "{", "*|")) else urljoin(base, url)

    body = _readdressed(body, whole)
    return _LINK.sub(lambda m: f"{m[1]}{m[2]}{whole(m[3])}{m[2]}", body)


def _readdressed(body: str, change: Callable[[str], str]) -> str:
    def put(match: re.Match[str]) -> str:
        if match["before"] is not None:
            return f"{match['before']}{match['quote']}{change(match['url'].strip())}{match['quote']}"
        return f"{match['css']}{match['cssquote']}{change(match['cssurl'].strip())}{match['cssquote']}"

    return _ADDRESS.sub(put, body)
