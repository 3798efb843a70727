"""A mail as a page shows it: complete, with its own pictures, and inert."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html import escape
from typing import Any

from sillage.content.html import MARKS, Footer
from sillage.content.message import Envelope, Source, compile_variant
from sillage.content.public import with_own_files
from sillage.content.segments import Person
from sillage.domain.campaign import Pixel

_NOBODY = Envelope("", "news@maison.example", None, "bounces.maison.example", "https://links.example", "", "en")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; form-action 'none'; base-uri 'none'"
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", re.IGNORECASE)
_TURNED = "html{background:#fff;filter:invert(1) hue-rotate(180deg)}img{filter:invert(1) hue-rotate(180deg)}"
"""What mail readers do to a mail without styles of its own for the dark: light becomes dark, pictures stay."""
_ONCE = datetime(2026, 1, 1, tzinfo=UTC)
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
    source: Source, footer: Footer, fields: dict[str, Any] | None = None, heat: Mapping[int, Heat] | None = None, *,
    is_dark: bool = False, shows_outside: bool = False,
) -> str:  # fmt: skip
    """The whole page that a reader sees, footer included, with pictures inside and links that lead nowhere.

    `heat` is drawn on the followed links, by their numbers.
    `is_dark`: with the mail's own styles for the dark where it has some, else turned as mail readers turn it.
    `shows_outside`: pictures from the web are fetched.

    Its policy lets nothing run and nothing be fetched; show it in a frame that is sandboxed besides.

    Raises: BadInput where it can't be compiled.
    """
    compiled = compile_variant(source, _NOBODY, footer)
    page = compiled.fill_html(_reader(fields), _NOBODY.base_url)
    page = with_own_files(page, source.files)
    if heat is not None:
        page = _LINK.sub(lambda found: _warmed(found, heat), page)
    page = _HREF.sub(r"\1", page)
    for mark in MARKS:
        page = page.replace(mark, "")
    policy = _POLICY.format(images="data: http: https:" if shows_outside else "data:")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">' + (_BADGES if heat is not None else "")
    if is_dark:
        has_own = _DARK.search(page)
        page = _LIGHT.sub("(max-width:0)", _DARK.sub("(min-width:0)", page))
        meta += "" if has_own else f"<style>{_TURNED}</style>"
    head = re.search(r"<head[^>]*>", page, re.IGNORECASE)
    return page[: head.end()] + meta + page[head.end() :] if head else meta + page


def shown_as_text(source: Source, footer: Footer, fields: dict[str, Any] | None = None) -> str:
    """The text part as a reader sees it who reads no HTML.

    Raises: BadInput where it can't be compiled.
    """
    compiled = compile_variant(source, _NOBODY, footer)
    # A field without a value or a default would stop the mail; here it is shown by its name.
    given = {**{name: f"[{name}]" for name in compiled.needed_fields}, **(fields or {})}
    message = message_from_bytes(compiled.fill(_reader(given)), policy=default)
    part = message.get_body(("plain",))
    return str(part.get_content()) if part is not None else ""


def shown_whole(source: Source, footer: Footer) -> str:
    """The page as it is sent, links and all: to be judged, not to be shown.

    Raises: BadInput where it can't be compiled.
    """
    page = compile_variant(source, _NOBODY, footer).fill_html(_reader(None), _NOBODY.base_url)
    return re.sub(f"[{MARKS}]", "", page)


def shown_links(source: Source, footer: Footer) -> list[str]:
    """Where the mail's own links lead, each once.

    Raises: BadInput where it can't be compiled.
    """
    return list(dict.fromkeys(link.url for link in compile_variant(source, _NOBODY, footer).links))


def needs(source: Source, footer: Footer) -> list[str]:
    """The merge fields that the mail prints without a default, by name.

    Raises: BadInput where it can't be compiled.
    """
    titled = source if source.subject.strip() else replace(source, subject="-")
    return sorted(compile_variant(titled, _NOBODY, footer).needed_fields)


def _reader(fields: dict[str, Any] | None) -> Person:
    return Person("reader@maison.example", dict(fields or {}), "t" * 36, "m" * 44, "n" * 36, Pixel.ANONYMOUS, _ONCE)


def _warmed(tag: re.Match[str], heat: Mapping[int, Heat]) -> str:
    found = heat.get(int(tag[2]))
    if found is None:
        return tag[0]
    # The badge is ours and its text is escaped; how strong it is shows in its size, beside its words.
    size = 11 + round(5 * max(0.0, min(1.0, found.strength)))
    badge = f'<span class="sillage-heat" style="font-size:{size}px">{escape(found.text)}</span>'
    return f'{tag[1]} data-heat="{tag[2]}">{badge}'
