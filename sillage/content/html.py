"""HTML of a mail: what we add to it, and which of its links are followed.

The source is sent as its author wrote it: tags that we change are changed in place, every other byte stays.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser

from sillage.domain.sharing import Network
from sillage.errors import BadInput

RECIPIENT_MARK = "\ue000"
"""Stands for the recipient's token in compiled text: a private-use character that no source may hold."""
PIXEL_MARK = "\ue001"
"""Stands for the address of the open pixel, which has three fillings."""
BASE_MARK = "\ue002"
"""Stands for the public address of the installation."""
MARKS = RECIPIENT_MARK + PIXEL_MARK + BASE_MARK

MAX_LINKS = 10_000
PIXEL_TAG = f'<img src="{PIXEL_MARK}" width="1" height="1" alt="" style="display:block;border:0">'
_FOLLOWED = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Link:
    """A followed link: its number within the variant (from 1), where it leads, and the words on it."""

    number: int
    url: str
    label: str


@dataclass(frozen=True, slots=True)
class Footer:
    """What every commercial mail says at its end: who sends it, why, and the ways out. Texts are plain; what has none
    is left out.
    """

    sender: str
    reason: str
    unsubscribe: str
    withdraw_tracking: str
    view_online: str


def check_marks(source: str) -> None:
    """Raises: BadInput where the source holds one of the characters that mark holes."""
    if any(mark in source for mark in MARKS):
        raise BadInput("the source holds a private-use character (U+E000 to U+E002); take it out", code="private_use")


def follow_links(source: str) -> tuple[str, list[Link]]:
    """Put followed addresses in the place of the web links of `a` and `area`, equal targets under one number each.

    A link whose address holds a merge field is left as it is: its target is not known before it is filled, and a
    redirect to an address out of a URL would be open. So are mailto:, tel: and anchors.
    """
    finder = _Finder()
    finder.feed(source)
    finder.close()
    out, links, end = [], list[Link](), 0
    for start, stop, url, label in finder.found:
        if len(links) >= MAX_LINKS:
            raise BadInput(f"the mail has more than {MAX_LINKS:,} links", code="too_many_links")
        link = Link(len(links) + 1, url, label)
        links.append(link)
        out += [source[end:start], f"{BASE_MARK}/c/{RECIPIENT_MARK}/{link.number}"]
        end = stop
    return "".join([*out, source[end:]]), links


def unfollowed_links(source: str) -> list[str]:
    """Web links whose address holds a merge field, which are sent as they are and not counted."""
    finder = _Finder()
    finder.feed(source)
    finder.close()
    return finder.merged


# The value of href within a start tag; HTML's own quoting rules.
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


class _Finder(HTMLParser):
    """Finds where each followed address stands in the source."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[int, int, str, str]] = []
        self.merged: list[str] = []
        self._lines = [0]
        self._open: int | None = None

    def feed(self, data: str) -> None:
        self._lines = [0]
        for line in data.splitlines(keepends=True) if "\r" not in data else re.findall(r"[^\n]*\n|[^\n]+", data):
            self._lines.append(self._lines[-1] + len(line))
        super().feed(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"a", "area"}:
            return
        self._open = None
        text = self.get_starttag_text() or ""
        at = _HREF.search(text)
        url = dict(attrs).get("href")
        if at is None or url is None or not url.strip().lower().startswith(_FOLLOWED):
            return
        if "{{" in url or "{%" in url:
            self.merged.append(url)
            return
        line, column = self.getpos()
        start = self._lines[line - 1] + column + at.start(at.lastindex or 0)
        self.found.append((start, start + len(at[at.lastindex or 0]), url.strip(), _label(attrs)))
        self._open = len(self.found) - 1 if tag == "a" else None

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag == "img" and self._open is not None:
            self._add_words(dict(attrs).get("alt") or "")

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._add_words(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open = None

    def _add_words(self, words: str) -> None:
        start, stop, url, label = self.found[self._open or 0]
        joined = " ".join(f"{label} {words}".split())[:200]
        self.found[self._open or 0] = (start, stop, url, joined)


def _label(attrs: list[tuple[str, str | None]]) -> str:
    return (dict(attrs).get("title") or "").strip()


def dress(source: str, *, preheader: str, footer: Footer, title: str) -> str:
    """Add the preheader at the start of the body, the footer and the open pixel at its end.

    `preheader` may hold merge fields; the footer's texts are escaped here. An author may place parts of the footer
    (`{{ legal_identity }}`, `{{ reason }}`, `{{ unsubscribe_url }}`, `{{ withdraw_tracking_url }}`,
    `{{ web_version_url }}`); the others are added at the end. Share buttons (`{{ share_facebook_url }}` and so on)
    stand only where the author placed them.
    """
    head = _preheader(preheader) if preheader else ""
    source, placed = _place_footer(source, footer)
    tail = _footer(footer, placed) + PIXEL_TAG
    if not re.search(r"<html[\s>]", source, re.IGNORECASE):
        source = (
            '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title></title></head><body>{source}</body></html>"
        )
    source = re.sub(r"<title>\s*</title>", lambda _: f"<title>{_escape_around_fields(title)}</title>", source, count=1)
    source = _insert(source, re.compile(r"<body[^>]*>", re.IGNORECASE), head, after=True)
    return _insert(source, re.compile(r"</body\s*>(?![\s\S]*</body)", re.IGNORECASE), tail, after=False)


_LIQUID = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)


def _escape_around_fields(text: str) -> str:
    """Escape what is text in a template; what is Liquid stays, and is escaped when it is filled."""
    parts = _LIQUID.split(text)
    return "".join(part if at % 2 else html.escape(part) for at, part in enumerate(parts))


def _insert(source: str, where: re.Pattern[str], piece: str, *, after: bool) -> str:
    found = where.search(source)
    if found is None:
        return piece + source if after else source + piece
    at = found.end() if after else found.start()
    return source[:at] + piece + source[at:]


def _preheader(text: str) -> str:
    # The blanks keep mail readers from showing the start of the body behind a short preheader.
    blanks = "&#847; &zwnj; &nbsp; " * 20
    return (
        '<div style="display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden">'
        f"{text}{blanks}</div>"
    )


_WAYS = {"unsubscribe_url": "u", "withdraw_tracking_url": "t", "web_version_url": "w"}
SHARE_FIELDS = {network: f"share_{network}_url" for network in Network}
"""What stands in a mail for the address that shares it on a network."""
_SHARES = {name: f"s/{RECIPIENT_MARK}/{network}" for network, name in SHARE_FIELDS.items()}
_OF_FOOTER = re.compile(rf"\{{\{{-?\s*(legal_identity|reason|{'|'.join([*_WAYS, *_SHARES])})\s*(?:\|[^{{}}]*)?-?\}}\}}")
_TURN = re.compile(
    r"(?P<open>\{%-?\s*(?:if|unless|case|for|tablerow|comment|raw|capture)\b|<!--)|(?P<close>\{%-?\s*end\w+|-->)"
)


def _place_footer(source: str, footer: Footer) -> tuple[str, set[str]]:
    """The source with the parts of the footer that its author placed, and which of them everybody sees.

    A part inside a condition or a comment is filled, but somebody may not see it: it does not count.
    """
    texts = {"legal_identity": footer.sender, "reason": footer.reason}
    placed, depth, at = set[str](), 0, 0
    for found in _OF_FOOTER.finditer(source):
        for turn in _TURN.finditer(source, at, found.start()):
            depth = max(0, depth + (1 if turn.lastgroup == "open" else -1))
        at = found.start()
        if depth == 0:
            placed.add(found.group(1))

    def put(found: re.Match[str]) -> str:
        name = found.group(1)
        if name in _WAYS:
            return f"{BASE_MARK}/{_WAYS[name]}/{RECIPIENT_MARK}"
        if name in _SHARES:
            return f"{BASE_MARK}/{_SHARES[name]}"
        return _said(texts[name])

    return _OF_FOOTER.sub(put, source), placed


def _said(text: str) -> str:
    """A text of the footer: no Liquid comes of it, in the text part either."""
    return html.escape(re.sub(r"\{(?=[{%])", "{ ", text))


def _footer(footer: Footer, placed: set[str]) -> str:
    """What the law asks for, apart from what the author placed."""
    # Dark enough for the tinted grounds that a mail may have, too: 4.5:1 on all of our templates'.
    style = "font:12px/1.5 Helvetica,Arial,sans-serif;color:#4B5A6E"
    links = {
        "unsubscribe_url": footer.unsubscribe, "withdraw_tracking_url": footer.withdraw_tracking,
        "web_version_url": footer.view_online,
    }  # fmt: skip
    ways = " · ".join(
        f'<a href="{BASE_MARK}/{_WAYS[name]}/{RECIPIENT_MARK}" style="color:#0A5F5B">{html.escape(words)}</a>'
        for name, words in links.items()
        if words and name not in placed
    )
    told = [
        _said(words)
        for name, words in (("legal_identity", footer.sender), ("reason", footer.reason))
        if words and name not in placed
    ]
    lines = "".join(f'<p style="margin:0 0 8px">{words}</p>' for words in told)
    lines += f'<p style="margin:0">{ways}</p>' if ways else ""
    if not lines:
        return ""
    return f'<div style="{style};max-width:600px;margin:0 auto;padding:24px 16px;text-align:center">{lines}</div>'
