"""A mail as a page shows it: complete, with its own pictures, and inert."""

from __future__ import annotations

import base64
import re
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


def shown(source: Source, footer: Footer, fields: dict[str, str] | None = None) -> str:
    """The whole page that a reader sees, footer included, with pictures inside and links that lead nowhere.

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
    page = _HREF.sub(r"\1", page)
    for mark in MARKS:
        page = page.replace(mark, "")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    head = re.search(r"<head[^>]*>", page, re.IGNORECASE)
    return page[: head.end()] + meta + page[head.end() :] if head else meta + page
