"""The text part of a mail, made from its HTML: what a reader without HTML should see, in the same order."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_SKIPPED = {"style", "script", "head", "title", "template", "noscript"}
_VOID = {"br", "img", "hr", "input", "meta", "link", "area", "col", "wbr", "source"}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "center", "dd", "div", "dl", "dt", "figure", "footer", "form", "h1",
    "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)


def from_html(source: str) -> str:
    """Plain text: blocks on lines of their own, links behind their words, images by their alt text."""
    writer = _Writer()
    writer.feed(source)
    writer.close()
    lines = [re.sub(r"[ \t\u00a0\u200c\u034f]+", " ", line).strip() for line in "".join(writer.out).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


class _Writer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._skip = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if self._skip:
            self._skip += tag not in _VOID
            return
        if tag in _SKIPPED or (tag not in _VOID and _HIDDEN.search(values.get("style") or "")):
            self._skip = 1
        elif tag == "br":
            self.out.append("\n")
        elif tag == "img":
            self.out.append(f" {values.get('alt') or ''} ")
        elif tag == "li":
            self.out.append("\n- ")
        elif tag in {"td", "th"}:
            self.out.append(" ")
        elif tag == "a":
            self._links.append((values.get("href") or "", len(self.out)))
        elif tag in _BLOCKS:
            self.out.append("\n\n" if tag[0] == "h" or tag == "p" else "\n")

    def handle_endtag(self, tag: str) -> None:
        if self._skip:
            self._skip -= tag not in _VOID
        elif tag == "a" and self._links:
            href, since = self._links.pop()
            words = "".join(self.out[since:]).strip()
            if href and not href.startswith("#") and href != words:
                self.out.append(f": {href}" if words else href)
        elif tag in _BLOCKS:
            self.out.append("\n\n" if tag[0] == "h" or tag == "p" else "\n")

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self.out.append(re.sub(r"\s+", " ", data))
