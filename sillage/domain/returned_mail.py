"""Mail as it comes back: read with patience, since the programs that write it keep few rules.

Any bytes give a `Mail`: LF, CR LF and CR line ends, charsets that lie, boundaries that never close, parts nested a
thousand deep. The standard library's parser recurses and decodes all; this one is bounded in depth, parts and size.
"""

from __future__ import annotations

import binascii
import codecs
import html
import quopri
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.header import decode_header, make_header

MAX_RAW_BYTES = 4_000_000
MAX_DEPTH = 12
MAX_PARTS = 100
MAX_PART_CHARS = 200_000
MAX_HEADER_CHARS = 10_000
MAX_HEADERS = 500
MAX_HEADER_BLOCK = 200_000

# Codecs that are no charsets of mail, some of them slow on purpose-made input.
_NO_CHARSET = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_FOLD = re.compile(r"\n[ \t]+")
# What no program writes its reasons in; not worth decoding.
_NO_WORDS = ("image/", "audio/", "video/", "font/", "application/")
_HEADER = re.compile(r"([!-9;-~]{1,100})[ \t]*:(.*)")
_PARAMETER = re.compile(r";\s*([\w*-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]*))")
_MESSAGE_TYPES = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
_TAG = re.compile(r"<(/?\w{0,20})[^<>]{0,2000}>")
_BLOCKS = {"br", "p", "/p", "div", "/div", "tr", "/tr", "li", "/li", "h1", "h2", "h3", "/table"}


class Headers:
    """Header fields by lower-case name, each with all its values in order, unfolded and decoded."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name.lower(), []).append(value)

    def get(self, name: str) -> str:
        """The first value of a field; empty where it is missing."""
        return self._fields.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return self._fields.get(name, [])

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __len__(self) -> int:
        return len(self._fields)


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of a mail: its type, its text (decoded; tags taken out of HTML), and the headers of a mail within."""

    type: str
    text: str
    inner: Headers = field(default_factory=lambda: Headers([]))

    @property
    def is_message(self) -> bool:
        """Whether this part is another mail (or its headers): what was sent, not what is said about it."""
        return self.type in _MESSAGE_TYPES


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail: its headers, its content type and its leaves in order."""

    headers: Headers
    type: str
    params: dict[str, str]
    parts: tuple[Part, ...]

    def of_type(self, *types: str) -> Iterator[Part]:
        """The leaves of these types."""
        return (part for part in self.parts if part.type in types)


def read(raw: bytes) -> Mail:
    """A mail out of any bytes; what lies beyond the bounds of this module is left out."""
    text = unify_lines(raw[:MAX_RAW_BYTES]).decode("latin-1").lstrip("\n")
    if text.startswith(("From ", ">From ")):
        text = text.partition("\n")[2]
    fields, body = split(text)
    headers = Headers(fields)
    kind, params = content_type(headers.get("content-type"))
    return Mail(headers, kind, params, tuple(_leaves(headers, body)))


def unify_lines(raw: bytes) -> bytes:
    """The same text with LF line ends, whichever it had."""
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def split(text: str) -> tuple[list[tuple[str, str]], str]:
    """Header fields, decoded, and what follows the first empty line. A text that begins with no header is all body."""
    fields, rest = split_raw(text)
    return [(name, _words(value)) for name, value in fields], rest


def split_raw(text: str) -> tuple[list[tuple[str, str]], str]:
    """The same with the fields as they stand, folds included."""
    fields: list[tuple[str, str]] = []
    position, end = 0, min(len(text), MAX_HEADER_BLOCK)
    while position < end and len(fields) < MAX_HEADERS:
        stop = text.find("\n", position)
        stop = end if stop < 0 else stop
        line = text[position : min(stop, position + MAX_HEADER_CHARS)]
        if not line.strip():
            return fields, text[stop + 1 :]
        if line[0] in " \t" and fields:
            name, value = fields[-1]
            if len(value) < MAX_HEADER_CHARS:
                fields[-1] = name, f"{value}\n{line}"
        elif match := _HEADER.match(line):
            fields.append((match[1], match[2]))
        else:
            # Not a header, and no empty line before it: the body begins here.
            return fields, text[position:]
        position = stop + 1
    return fields, text[position:]


def content_type(value: str) -> tuple[str, dict[str, str]]:
    """A lower-case type (text/plain where there is none) and its parameters."""
    kind, _, rest = value.partition(";")
    kind = kind.strip().lower()
    params = {match[1].lower(): (match[2] or match[3] or "") for match in _PARAMETER.finditer(";" + rest)}
    return (kind if "/" in kind else "text/plain"), params


def plain_of_html(text: str) -> str:
    """The words of an HTML text, a line for each block."""
    for element in ("style", "script", "head"):
        text = _without(text, element)
    return html.unescape(_TAG.sub(lambda found: "\n" if found[1].lower() in _BLOCKS else " ", text))


def _without(text: str, element: str) -> str:
    """A text without an element and what it holds; one that never closes stays. Linear, unlike a lazy pattern."""
    small, kept, position = text.lower(), [], 0
    while (start := small.find(f"<{element}", position)) >= 0 and (stop := small.find(f"</{element}", start)) >= 0:
        kept.append(text[position:start])
        position = stop
    return "".join([*kept, text[position:]])


def _words(value: str) -> str:
    """A header's value in Unicode: encoded words decoded, bare bytes read as UTF-8 or Latin-1, folds undone."""
    value = (_FOLD.sub(" ", value) if "\n" in value else value).strip()
    if "=?" in value:
        try:
            return str(make_header(decode_header(value)))
        except (ValueError, LookupError, MessageError):
            return value
    return value if value.isascii() else _in_charset(value.encode("latin-1", "replace"), "utf-8")


def _leaves(headers: Headers, body: str) -> Iterator[Part]:
    """The leaves, left to right, by a stack of our own: no recursion that a mail could exhaust."""
    stack = [(headers, body, 0)]
    found = 0
    while stack and found < MAX_PARTS:
        head, text, depth = stack.pop()
        kind, params = content_type(head.get("content-type"))
        if kind.startswith("multipart/") and depth < MAX_DEPTH:
            children = _children(text, params.get("boundary", ""))
            if children:
                parted = [split(child) for child in children[: MAX_PARTS + 1]]
                stack.extend((Headers(fields), content, depth + 1) for fields, content in reversed(parted))
                continue
        found += 1
        yield _leaf(head, kind, params, text)


def _children(text: str, boundary: str) -> list[str]:
    if not boundary:
        return []
    mark = re.compile(rf"^--{re.escape(boundary)}(--)?[ \t]*$\n?", re.MULTILINE)
    marks = list(mark.finditer(text))
    children = []
    for index, here in enumerate(marks):
        if here[1]:
            break
        until = marks[index + 1].start() if index + 1 < len(marks) else len(text)
        children.append(text[here.end() : until])
    return children


def _leaf(headers: Headers, kind: str, params: dict[str, str], text: str) -> Part:
    if kind.startswith(_NO_WORDS) and headers.get("content-transfer-encoding").lower().startswith("base64"):
        return Part(kind, "")
    text = _body(text[: 2 * MAX_PART_CHARS], headers.get("content-transfer-encoding"), params.get("charset", "utf-8"))
    text = text[:MAX_PART_CHARS]
    if kind in _MESSAGE_TYPES:
        return Part(kind, text, Headers(split(text.lstrip("\n"))[0]))
    if kind.startswith("multipart/"):
        # Its boundary can't be found: what it holds is words all the same.
        kind = "text/plain"
    if kind == "text/html":
        return Part(kind, plain_of_html(text))
    return Part(kind, text)


def _body(text: str, encoding: str, charset: str) -> str:
    raw = text.encode("latin-1", "replace")
    match encoding.split(";", maxsplit=1)[0].strip().lower():
        case "quoted-printable":
            raw = quopri.decodestring(raw)
        case "base64":
            clean = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
            with suppress(binascii.Error):
                raw = binascii.a2b_base64(clean[: len(clean) // 4 * 4])
    return _in_charset(unify_lines(raw), charset)


def _in_charset(raw: bytes, charset: str) -> str:
    with suppress(LookupError, UnicodeError, ValueError):
        codec = codecs.lookup(charset.strip().strip("'\""))
        if codec.name not in _NO_CHARSET:
            return raw.decode(codec.name)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")
