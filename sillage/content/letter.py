"""A mail as its reader and a filter see it: headers, words, links, pictures, and what is hidden. It never raises.

It is read from the finished message, not from its source: a mail of ours and a mail of anybody are judged alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parseaddr
from html.parser import HTMLParser

MAX_BYTES = 30_000_000
# Deeper or longer than any mail that a person writes; a filter gives up there too.
_MAX_PARTS = 200
_MAX_HTML = 5_000_000

_BLOCK = frozenset(
    {"p", "div", "br", "tr", "td", "th", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "hr", "center"}
)
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
# Tags that browsers close by themselves: leaving them open is no fault.
_LAX = frozenset({"p", "li", "td", "tr", "th", "tbody", "thead", "dt", "dd", "option", "html", "body", "head"})
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A link: where it leads and the words on it."""

    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An image: its source, its alternative text (None where there is none), its size as written (0 = unknown)."""

    source: str
    alt: str | None
    width: int = 0
    height: int = 0

    @property
    def is_pixel(self) -> bool:
        """Whether nobody can see it."""
        return 0 < self.width <= 2 and 0 < self.height <= 2  # noqa: PLR2004  # two points, the largest that goes unseen


@dataclass(frozen=True, slots=True)
class Markup:
    """What the HTML part holds. `tags` counts each start tag by name."""

    text: str = ""
    hidden: str = ""
    tiny: str = ""
    title: str = ""
    language: str = ""
    anchors: tuple[Anchor, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tags: dict[str, int] = field(default_factory=dict)
    comments_in_words: int = 0
    unclosed: tuple[str, ...] = ()
    loud_colours: int = 0
    big_fonts: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. `plain` is None where it has no text part, `markup` where it has no HTML part."""

    headers: dict[str, str]
    subject: str
    from_name: str
    from_address: str
    recipients: tuple[str, ...]
    reply_to: str
    plain: str | None
    markup: Markup | None
    attachments: tuple[str, ...]
    encodings: frozenset[str]
    size: int

    @property
    def words(self) -> str:
        """What a person reads, whichever part they see."""
        return self.markup.text if self.markup is not None and self.markup.text.strip() else (self.plain or "")

    @property
    def links(self) -> tuple[Anchor, ...]:
        """All links, those of the text part with no words on them."""
        found = list(self.markup.anchors) if self.markup is not None else []
        if self.plain is not None:
            found += [Anchor(match.group().rstrip(".,;:!?"), "") for match in _URL.finditer(self.plain[:200_000])]
        return tuple(found)


def read_letter(raw: bytes) -> Letter:
    """A letter out of any bytes."""
    message = message_from_bytes(raw[:MAX_BYTES])
    plain: list[str] = []
    markup: list[str] = []
    attachments: list[str] = []
    encodings: set[str] = set()
    for part in _leaves(message):
        kind = part.get_content_type()
        encodings.add(_header(part, "content-transfer-encoding").lower())
        name = _filename(part)
        if name or not kind.startswith("text/"):
            attachments.append(name or kind)
        elif kind == "text/html":
            markup.append(_text(part))
        else:
            plain.append(_text(part))
    name, address = parseaddr(_header(message, "from"))
    to = getaddresses([_header(message, "to"), _header(message, "cc")])
    return Letter(
        headers={key.lower(): _header(message, key) for key in set(message.keys())},
        subject=_header(message, "subject"),
        from_name=name,
        from_address=address.lower(),
        recipients=tuple(a.lower() for _, a in to if a),
        reply_to=parseaddr(_header(message, "reply-to"))[1].lower(),
        plain="\n".join(plain) if plain else None,
        markup=read_markup("\n".join(markup)) if markup else None,
        attachments=tuple(attachments),
        encodings=frozenset(encodings),
        size=len(raw),
    )


def read_markup(source: str) -> Markup:
    """What a piece of HTML holds."""
    reader = _Reader()
    reader.feed(source[:_MAX_HTML])
    reader.close()
    return reader.done()


def _leaves(message: Message) -> list[Message]:
    found: list[Message] = []
    waiting = [message]
    while waiting and len(found) < _MAX_PARTS:
        part = waiting.pop(0)
        payload = part.get_payload()
        if isinstance(payload, list):
            waiting += [p for p in payload if isinstance(p, Message)]
        else:
            found.append(part)
    return found


def _header(part: Message, name: str) -> str:
    value = part.get(name)
    if value is None:
        return ""
    try:
        return " ".join(str(make_header(decode_header(str(value)))).split())
    except (ValueError, LookupError, UnicodeError):
        return " ".join(str(value).split())


def _filename(part: Message) -> str:
    try:
        return str(part.get_filename() or "")
    except (ValueError, LookupError, TypeError, UnicodeError):
        return "unreadable"


def _text(part: Message) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    charset = part.get_content_charset() or "utf-8"
    try:
        return raw.decode(charset)
    except (LookupError, UnicodeError, ValueError):
        return raw.decode("cp1252", "replace")


class _Reader(HTMLParser):
    """Collects what a page shows, tag by tag."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, bool, bool]] = []
        self._text: list[str] = []
        self._hidden: list[str] = []
        self._tiny: list[str] = []
        self._title: list[str] = []
        self._language = ""
        self._anchors: list[Anchor] = []
        self._anchor: tuple[str, int] | None = None
        self._pictures: list[Picture] = []
        self._tags: dict[str, int] = {}
        self._unclosed: list[str] = []
        self._comments = 0
        self._after_comment = False
        self._loud = 0
        self._big = 0

    def done(self) -> Markup:
        self._end_anchor()
        self._unclosed += [tag for tag, _, _ in self._open if tag not in _LAX]
        return Markup(
            text=_squeezed(self._text), hidden=_squeezed(self._hidden), tiny=_squeezed(self._tiny),
            title=_squeezed(self._title), language=self._language, anchors=tuple(self._anchors),
            pictures=tuple(self._pictures), tags=self._tags, comments_in_words=self._comments,
            unclosed=tuple(self._unclosed), loud_colours=self._loud, big_fonts=self._big,
        )  # fmt: skip

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tags[tag] = self._tags.get(tag, 0) + 1
        given = {key: value or "" for key, value in attrs}
        style = given.get("style", "").replace(" ", "").lower()
        if tag in _BLOCK:
            self._say("\n")
        if tag == "html":
            self._language = given.get("lang", "")
        elif tag == "a":
            self._end_anchor()
            self._anchor = (given.get("href", ""), len(self._text))
        elif tag == "area":
            self._anchors.append(Anchor(given.get("href", ""), given.get("alt", "")))
        elif tag == "img":
            picture = Picture(
                given.get("src", ""), given.get("alt"), _points(given.get("width")), _points(given.get("height"))
            )
            self._pictures.append(picture)
        self._loud += _is_loud(given.get("color", ""), style)
        self._big += _is_big(tag, given.get("size", ""), style)
        if tag not in _VOID and len(self._open) < 10_000:  # noqa: PLR2004  # deeper than any mail
            hidden, tiny = (self._open[-1][1], self._open[-1][2]) if self._open else (False, False)
            # A size of its own ends that of what is around it: MJML's columns have none (0px), their texts have.
            if "font-size:" in style or given.get("size"):
                tiny = _is_tiny(style, given.get("size", ""))
            self._open.append((tag, hidden or _is_hidden(style), tiny))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._end_anchor()
        if tag in _BLOCK:
            self._say("\n")
        for at in range(len(self._open) - 1, max(len(self._open) - 100, -1), -1):
            if self._open[at][0] == tag:
                self._unclosed += [t for t, _, _ in self._open[at + 1 :] if t not in _LAX]
                del self._open[at:]
                return

    def handle_comment(self, data: str) -> None:
        self._after_comment = bool(self._text and self._text[-1][-1:].isalpha() and not data.startswith("[if"))

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ("", False, False)
        if inside[0] in {"script", "style"}:
            return
        if inside[0] == "title":
            self._title.append(data)
            return
        if self._after_comment and data[:1].isalpha():
            self._comments += 1
        self._after_comment = False
        if inside[1]:
            self._hidden.append(data)
        elif inside[2]:
            self._tiny.append(data)
        else:
            self._text.append(data)

    def _say(self, text: str) -> None:
        self._text.append(text)

    def _end_anchor(self) -> None:
        if self._anchor is not None:
            url, start = self._anchor
            self._anchors.append(Anchor(url.strip(), _squeezed(self._text[start:])))
            self._anchor = None


def _squeezed(pieces: list[str]) -> str:
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _points(text: str | None) -> int:
    match = re.match(r"\s*(\d{1,5})", text or "")
    return int(match.group(1)) if match else 0


def _is_hidden(style: str) -> bool:
    return "display:none" in style or "visibility:hidden" in style


def _is_tiny(style: str, size: str) -> bool:
    found = re.search(r"font-size:(\d+(?:\.\d+)?)(px|pt|em|%)?", style)
    if found is None:
        return size.strip() in {"-7", "-6", "-5"}
    limit = {"em": 0.3, "%": 30.0}.get(found.group(2) or "px", 4.0)
    return float(found.group(1)) < limit


def _is_loud(colour: str, style: str) -> bool:
    """Pure red, yellow or magenta, as shouting mails have them; a brand's shades are none of them."""
    found = colour.strip().lower().lstrip("#") or "".join(re.findall(r"(?:^|;)color:#?(\w+)", style)[:1])
    return found in {
        "red",
        "ff0000",
        "f00",
        "yellow",
        "ffff00",
        "ff0",
        "magenta",
        "fuchsia",
        "ff00ff",
        "lime",
        "00ff00",
    }


def _is_big(tag: str, size: str, style: str) -> bool:
    if tag == "font":
        return size.strip().lstrip("+") in {"5", "6", "7"} or size.strip() in {"+3", "+4"}
    found = re.search(r"font-size:(\d+(?:\.\d+)?)(px|pt)", style)
    return found is not None and float(found.group(1)) >= (36 if found.group(2) == "px" else 27)
