"""Style sheets put into the tags they speak of: some mail readers drop a sheet, none drops a style.

Only the value of `style` changes, in place; every other byte stays as its author wrote it, Liquid between the rows of a
table and conditions for Outlook included, which no HTML parser would leave where they are.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import css_inline

MAX_CHARS = 2_000_000
_MARK = "data-sillage-tag"
_PIECES = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|\{%.*?%\}|\{\{.*?\}\}|<(?P<raw>style|script|title|textarea)\b.*?</(?P=raw)\s*>"
    r"|<(?P<tag>[a-zA-Z][a-zA-Z0-9:-]*)(?P<rest>(?:\{\{.*?\}\}|\{%.*?%\}|\"[^\"]*\"|'[^']*'|[^'\">])*)>",
    re.DOTALL | re.IGNORECASE,
)
_STYLE = re.compile(r"""(\sstyle\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_SHEET = re.compile(r"<style\b", re.IGNORECASE)
_INLINER = css_inline.CSSInliner(keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False)


def has_sheet(source: str) -> bool:
    """Whether there is a style sheet at all."""
    return _SHEET.search(source) is not None


def inlined(source: str) -> str:
    """The source with its rules in its tags; as it is where it has none, or can't be understood.

    Rules that can't stand in a tag (media queries, :hover) stay in the sheet alone, which stays too.
    """
    if not has_sheet(source) or len(source) > MAX_CHARS:
        return source
    tags = [found for found in _PIECES.finditer(source) if found.lastgroup and found.group("tag")]
    marked = _put(source, {tag.end("tag"): f' {_MARK}="{number}"' for number, tag in enumerate(tags)})
    try:
        done = _INLINER.inline(marked)
    except (css_inline.InlineError, ValueError):
        return source
    reader = _Styles()
    reader.feed(done)
    reader.close()
    out, at = [], 0
    for number, tag in enumerate(tags):
        style = reader.found.get(number)
        if style is None:
            continue
        start, end, text = _change(tag, style)
        out += [source[at:start], text]
        at = end
    return "".join([*out, source[at:]])


def _change(tag: re.Match[str], style: str) -> tuple[int, int, str]:
    """Where a tag changes, and into what."""
    value = html.escape(style, quote=False).replace('"', "'")
    held = _STYLE.search(tag.group("rest"))
    if held is None:
        return tag.end("tag"), tag.end("tag"), f' style="{value}"'
    start = tag.start("rest") + held.start(2)
    return start, tag.start("rest") + held.end(2), f'"{value}"'


def _put(source: str, pieces: dict[int, str]) -> str:
    out, at = [], 0
    for where, piece in pieces.items():
        out += [source[at:where], piece]
        at = where
    return "".join([*out, source[at:]])


class _Styles(HTMLParser):
    """The style of each marked tag."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[int, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  # HTMLParser's
        given = dict(attrs)
        number, style = given.get(_MARK), given.get("style")
        if number is not None and number.isdecimal() and style:
            self.found[int(number)] = style

    handle_startendtag = handle_starttag
