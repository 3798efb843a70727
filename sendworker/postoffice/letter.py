"""What stands in a mail: its headers, read when it comes, and its links, read only when somebody acts on it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message
from enum import StrEnum
from functools import cached_property, lru_cache
from urllib.parse import urlsplit

_HEAD = re.compile(
    rb"^(message-id|subject|feedback-id):[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE | re.MULTILINE
)
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_MAX_HEADER = 998
_FEEDBACK_FIELDS = 2
_MAX_DEPTH = 20
"""Parts within parts; no mail program shows more either."""


class LinkKind(StrEnum):
    """What a link of the mail is for, told by the shape of its path."""

    OPEN = "open"
    HYGIENE = "hygiene"
    IMAGE = "image"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe_link"
    WITHDRAW = "withdraw_link"
    WEB_VERSION = "web_version"
    OTHER = "other_link"


_SHAPES = (
    (LinkKind.OPEN, re.compile(r"/o/[\w-]+\.gif$")),
    (LinkKind.HYGIENE, re.compile(r"/h/[\w-]+\.gif$")),
    (LinkKind.CLICK, re.compile(r"/c/[\w-]+/\d+$")),
    (LinkKind.UNSUBSCRIBE, re.compile(r"/u/[\w-]+$")),
    (LinkKind.WITHDRAW, re.compile(r"/t/[\w-]+$")),
    (LinkKind.WEB_VERSION, re.compile(r"/w/[\w-]+$")),
)


@dataclass(frozen=True, slots=True)
class Head:
    """The headers that the ledger keeps. `campaign` and `variant` are fields of Feedback-ID, None without one."""

    message_id: str | None
    subject: str
    campaign: str | None
    variant: str | None
    account: str | None


def read_head(raw: bytes) -> Head:
    """The head of a message out of its raw octets, without parsing the rest."""
    end = raw.find(b"\r\n\r\n")
    found: dict[bytes, bytes] = {}
    for match in _HEAD.finditer(raw, 0, end if end >= 0 else len(raw)):
        found.setdefault(match[1].lower(), match[2])
    feedback = _plain(found.get(b"feedback-id", b"")).split(":")
    named = len(feedback) >= _FEEDBACK_FIELDS and all(feedback[:_FEEDBACK_FIELDS])
    return Head(
        message_id=_plain(found.get(b"message-id", b"")) or None,
        subject=_decoded(found.get(b"subject", b"")),
        campaign=feedback[1] if named else None,
        variant=feedback[0] if named else None,
        account=feedback[2] if named and len(feedback) > _FEEDBACK_FIELDS else None,
    )


def _plain(value: bytes) -> str:
    return _FOLD.sub(b"", value).decode("utf-8", "replace").strip()[:_MAX_HEADER]


@lru_cache(1024)
def _decoded(value: bytes) -> str:
    text = _plain(value)
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text))).encode("utf-8", "replace").decode()
    except (ValueError, LookupError):
        return text


@dataclass(frozen=True, slots=True)
class Link:
    """A web address in the mail."""

    kind: LinkKind
    url: str


class Letter:
    """A mail as its reader sees it: links in their order, each address once.

    Most people only look at the pictures: the rest is read when somebody asks for it.
    """

    def __init__(self, raw: bytes, page: str, text: str) -> None:
        self._raw, self._page, self._text = raw, page, text

    @cached_property
    def images(self) -> tuple[Link, ...]:
        """The pictures."""
        found = [_image(attributes) for attributes in map(_attributes, _IMAGE.findall(self._page))]
        return tuple(dict.fromkeys(image for image in found if image is not None))

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links, of whatever kind."""
        hrefs = [_attributes(tag).get("href", "").strip() for tag in _ANCHOR.findall(self._page)]
        urls = dict.fromkeys(hrefs + _BARE_URL.findall(self._text))
        return tuple(Link(_kind(url), url) for url in urls if url.lower().startswith(("http://", "https://")))

    @property
    def one_click(self) -> str | None:
        """The web address to POST to (RFC 8058): given only where both headers stand."""
        post = str(_head(self._raw).get("List-Unsubscribe-Post", "")).strip().lower()
        web = next((uri for uri in self._ways_out if uri.lower().startswith(("https:", "http:"))), None)
        return web if post == "list-unsubscribe=one-click" else None

    @property
    def mailto(self) -> str | None:
        """The address to write to."""
        return next((uri for uri in self._ways_out if uri.lower().startswith("mailto:")), None)

    @property
    def tracked(self) -> tuple[Link, ...]:
        """The followed links: position n of the people file is the n-th of them."""
        return tuple(link for link in self.links if link.kind is LinkKind.CLICK)

    @property
    def unsubscribe(self) -> Link | None:
        """The unsubscribe link of the body."""
        return next((link for link in self.links if link.kind is LinkKind.UNSUBSCRIBE), None)

    @property
    def _ways_out(self) -> list[str]:
        return [re.sub(r"\s", "", uri) for uri in _URI.findall(str(_head(self._raw).get("List-Unsubscribe", "")))]


_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ANCHOR = re.compile(r"<(?:a|area)\b([^>\"']*(?:\"[^\"]*\"[^>\"']*|'[^']*'[^>\"']*)*)>", re.IGNORECASE)
_IMAGE = re.compile(r"<img\b([^>\"']*(?:\"[^\"]*\"[^>\"']*|'[^']*'[^>\"']*)*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_BARE_URL = re.compile(r"https?://[^\s<>\"]+")
_URI = re.compile(r"<([^<>]*)>")


def read_letter(raw: bytes) -> Letter:
    """Find what can be acted on in a message; a message without HTML gives the links of its text."""
    shown = [part for part in _leaves(raw) if part.get_content_disposition() != "attachment"]
    page, text = _first(shown, "text/html"), ""
    if page is None:
        text = _first(shown, "text/plain") or ""
    return Letter(raw, _COMMENT.sub("", page or ""), text)


def _head(raw: bytes) -> Message:
    """The headers (RFC 5322 2.2): a name, a colon, and a value that may go on in the next line."""
    message = Message()
    for line in _FOLD.sub(b"", raw.partition(b"\r\n\r\n")[0]).splitlines():
        name, _, value = line.decode("ascii", "surrogateescape").partition(":")
        message[name.strip()] = value.strip()
    return message


def _leaves(raw: bytes, depth: int = 0) -> Iterator[Message]:
    """The parts that hold no others (RFC 2046 5.1.1), in their order.

    The library reads a mail line by line to find where its parts end, which takes it most of the time.
    """
    message = _head(raw)
    body = raw.partition(b"\r\n\r\n")[2]
    boundary = message.get_boundary() if message.get_content_maintype() == "multipart" else None
    if boundary is None:
        message.set_payload(body.decode("ascii", "surrogateescape"))
        yield message
    elif depth < _MAX_DEPTH:
        delimiter = b"\r\n--" + boundary.encode("utf-8", "surrogateescape")
        for piece in (b"\r\n" + body).split(delimiter)[1:]:
            if piece.startswith(b"--"):
                break
            part = piece.partition(b"\r\n")[2]
            # A part without headers begins with its empty line.
            yield from _leaves(part if not part.startswith(b"\r\n") else b"X-None: \r\n" + part, depth + 1)


def _first(parts: Sequence[Message], content_type: str) -> str | None:
    for part in parts:
        payload = part.get_payload(decode=True) if part.get_content_type() == content_type else None
        if isinstance(payload, bytes):
            return _text(payload, part.get_content_charset("utf-8"))
    return None


def _text(payload: bytes, charset: str) -> str:
    try:
        return payload.decode(charset, "replace")
    except (LookupError, ValueError):
        return payload.decode("utf-8", "replace")


def _attributes(tag: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(tag):
        found.setdefault(name.lower(), html.unescape("".join(values)))
    return found


def _image(attributes: dict[str, str]) -> Link | None:
    url = attributes.get("src", "").strip()
    if not url.lower().startswith(("http://", "https://")):
        return None
    kind = _kind(url)
    if kind in {LinkKind.OPEN, LinkKind.HYGIENE}:
        return Link(kind, url)
    is_dot = all(attributes.get(side, "").removesuffix("px") in {"0", "1"} for side in ("width", "height"))
    return Link(LinkKind.OPEN if is_dot else LinkKind.IMAGE, url)


def _kind(url: str) -> LinkKind:
    try:
        path = urlsplit(url).path
    except ValueError:
        return LinkKind.OTHER
    return next((kind for kind, shape in _SHAPES if shape.search(path)), LinkKind.OTHER)


_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form\s*>", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(r"<(?:input|button)\b([^>]*)>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a page that is sent by POST: where to, and the fields that a press of its button sends."""

    action: str
    fields: tuple[tuple[str, str], ...]


def read_form(page: str) -> Form | None:
    """The first form of a page that is sent by POST, None where there is none."""
    for tag, inside in _FORM.findall(_COMMENT.sub("", page)):
        attributes = _attributes(tag)
        if attributes.get("method", "get").lower() != "post":
            continue
        fields, pressed = list[tuple[str, str]](), False
        for field_tag in _FIELD.findall(inside):
            field = _attributes(field_tag)
            kind = field.get(
                "type", "submit" if "type" not in field and "<button" in inside.lower() else "text"
            ).lower()
            if kind in {"checkbox", "radio"} and not re.search(r"\bchecked\b", field_tag, re.IGNORECASE):
                continue
            if kind in {"submit", "button", "image"}:
                if pressed:
                    continue
                pressed = True
            if field.get("name"):
                fields.append((field["name"], field.get("value", "")))
        return Form(attributes.get("action", ""), tuple(fields))
    return None
