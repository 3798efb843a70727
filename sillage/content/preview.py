"""A mail as a page shows it: complete, with its own pictures, and inert."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from sillage.content.html import MARKS, Footer
from sillage.content.message import Envelope, Source, compile_variant
from sillage.content.segments import Person
from sillage.domain.campaign import Pixel

_NOBODY = Envelope("", "news@maison.example", None, "bounces.maison.example", "https://links.example", "", "en")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
_ONCE = datetime(2026, 1, 1, tzinfo=UTC)
_SAFE_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_HREF = re.compile(r"""(<(?:a|area)\b[^>]*?)\shref\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_LINK = re.compile(r"""(<a\b[^>]*?\shref\s*=\s*["']?https://links\.example/c/t+/(\d+)["']?[^>]*)>""", re.IGNORECASE)
_BADGES = """<style>
[data-heat]{outline:3px solid #0B7A75 !important;outline-offset:1px}
.sillage-heat{display:inline-block;margin:2px 6px 2px 2px;padding:1px 7px;border-radius:11px;background:#fff;
color:#0B2545;border:2px solid #0B7A75;font:600 12px/18px sans-serif;text-decoration:none;letter-spacing:0;
text-transform:none;vertical-align:middle}
</style>"""


@dataclass(frozen=True, slots=True)
class Heat:
    """What is drawn on a link: a short text, and how strongly (from 0 to 1)."""

    text: str
    strength: float


def shown(
    source: Source, footer: Footer, fields: dict[str, str] | None = None, heat: Mapping[int, Heat] | None = None
) -> str:
    """The whole page that a reader sees, footer included, with pictures inside and links that lead nowhere.

    `heat` is drawn on the followed links, by their numbers.

    Its policy lets nothing run and nothing be fetched; show it in a frame that is sandboxed besides.

    Raises: BadInput where it can't be compiled.
    """
    compiled = compile_variant(source, _NOBODY, footer)
    person = Person("reader@maison.example", dict(fields or {}), "t" * 36, "m" * 44, "n" * 36, Pixel.ANONYMOUS, _ONCE)
    page = compiled.fill_html(person, _NOBODY.base_url)
    for file in source.files:
        if file.cid and file.type in _SAFE_IMAGES:
            data = f"data:{file.type};base64,{base64.b64encode(file.content).decode()}"
            page = page.replace(f'"cid:{escape(file.cid)}"', f'"{data}"')
    if heat is not None:
        page = _LINK.sub(lambda found: _warmed(found, heat), page)
    page = _HREF.sub(r"\1", page)
    for mark in MARKS:
        page = page.replace(mark, "")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">' + (_BADGES if heat is not None else "")
    head = re.search(r"<head[^>]*>", page, re.IGNORECASE)
    return page[: head.end()] + meta + page[head.end() :] if head else meta + page


def _warmed(tag: re.Match[str], heat: Mapping[int, Heat]) -> str:
    found = heat.get(int(tag[2]))
    if found is None:
        return tag[0]
    # The badge is ours and its text is escaped; how strong it is shows in its size, beside its words.
    size = 11 + round(5 * max(0.0, min(1.0, found.strength)))
    badge = f'<span class="sillage-heat" style="font-size:{size}px">{escape(found.text)}</span>'
    return f'{tag[1]} data-heat="{tag[2]}">{badge}'
