"""The public version of a message: what everybody may see. No person's data, no link that is somebody's own."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape

from sillage.content import merge
from sillage.content.html import BASE_MARK, MARKS, RECIPIENT_MARK, Footer, Link
from sillage.content.message import Envelope, Source, compile_variant
from sillage.content.mime import Attachment
from sillage.content.segments import Person
from sillage.domain.campaign import Pixel
from sillage.domain.sharing import Network

_ENVELOPE = Envelope("", "news@maison.example", None, "bounces.maison.example", "https://links.example", "", "en")
_NOBODY = Person("", {}, "", "", "", Pixel.ANONYMOUS, datetime(2026, 1, 1, tzinfo=UTC))
_SAFE_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
# Bounded everywhere: a mail may hold a million blanks, or a hundred thousand tags that nothing closes.
_BETWEEN = r"\s{0,20}(?:·|&middot;|&#183;|\||[–—-])\s{0,20}"  # noqa: RUF001  # dashes that stand between links
_OWN_WAY = re.compile(
    rf"""({_BETWEEN})?<a\b[^<>]{{0,2000}}?\shref\s{{0,20}}=\s{{0,20}}["']?{BASE_MARK}/[utw]/{RECIPIENT_MARK}["']?"""
    rf"[^<>]{{0,2000}}>(?:(?!\{{%|</a).){{0,2000}}</a\s{{0,20}}>(?(1)|(?:{_BETWEEN})?)",
    re.IGNORECASE | re.DOTALL,
)
"""A link that is somebody's own, with the sign that parts it from others; not one that Liquid stands in."""
_FOLLOWED = re.compile(rf"{BASE_MARK}/c/{RECIPIENT_MARK}/(\d+)")
_SHARED = re.compile(rf"{BASE_MARK}/s/{RECIPIENT_MARK}/([a-z]+)")
_OWN = re.compile(rf"{BASE_MARK}/[a-z]/{RECIPIENT_MARK}[^\s\"'<>{{}}%]*")
SHARE_MARK = f"{BASE_MARK}/s/{RECIPIENT_MARK}/"
"""What a share button's address begins with in compiled HTML."""


@dataclass(frozen=True, slots=True)
class Face:
    """How a public version shows itself to people, networks and search engines. Texts are plain."""

    language: str
    site: str
    title: str
    description: str
    address: str
    """As it was asked for, with the network that it was given to: networks take this one for the page's own."""
    canonical: str
    image: str = ""
    image_alt: str = ""
    image_size: tuple[int, int] = (0, 0)
    is_listed: bool = False
    """Whether search engines may list it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands above the message: whose copy it is, and the ways to share it on."""

    told: str
    asked: str
    ways: Mapping[Network, tuple[str, str]]
    """Words and address of each."""


def public_page(source: Source, sender: str, face: Face, bar: Bar | None) -> str:
    """The whole page: merge fields hold their defaults, links lead where they lead, and what only one person may use
    (unsubscribe, withdraw tracking, their own web version) is taken out.

    Raises: BadInput where it can't be compiled.
    """
    compiled = compile_variant(source, _ENVELOPE, Footer(sender, "", "", "", ""))
    shared = {network.value: address for network, (_, address) in (bar.ways if bar else {}).items()}
    freed = _freed(compiled.html, compiled.links, shared)
    page = replace(compiled, html=freed).fill_html(_NOBODY, "")
    for mark in MARKS:
        page = page.replace(mark, "")
    page = speaking(with_own_files(page, source.files), face.language)
    return _put(_put(page, "head", _told(face)), "body", _bar(bar) if bar else "")


def without_person(text: str, defaults: Mapping[str, str]) -> str:
    """A subject or a preheader as everybody may read it: merge fields hold their defaults, or nothing.

    Raises: BadInput where it does not parse.
    """
    parts = merge.split(merge.parse(text, where="subject", is_html=False))
    filled = "".join(part if isinstance(part, str) else part.fill(defaults) for part in parts)
    return re.sub(r"\s+([,.])", r"\1", " ".join(filled.split())).strip(" ,;:–-")  # noqa: RUF001  # left by an empty name


def has_share_buttons(compiled_html: str) -> bool:
    """Whether its readers can share it."""
    return SHARE_MARK in compiled_html


def with_own_files(page: str, files: tuple[Attachment, ...]) -> str:
    """Pictures that a message brings along, inside the page: a browser knows no Content-ID."""
    for file in files:
        if file.cid and file.type in _SAFE_IMAGES:
            data = f"data:{file.type};base64,{base64.b64encode(file.content).decode()}"
            page = page.replace(f'"cid:{escape(file.cid)}"', f'"{data}"')
    return page


def speaking(page: str, language: str) -> str:
    """A page that says its language, where its author did not: a screen reader reads it in its own else."""
    found = re.search(r"<html\b[^>]*>", page, re.IGNORECASE)
    if found is None or re.search(r"\slang\s*=\s*[\"']?[a-z]", found[0], re.IGNORECASE):
        return page
    tag = re.sub(r"\slang\s*=\s*(\"\"|'')", "", found[0], flags=re.IGNORECASE)
    return f'{page[: found.start()]}{tag[:5]} lang="{escape(language)}"{tag[5:]}{page[found.end() :]}'


def _freed(html: str, links: tuple[Link, ...], shared: Mapping[str, str]) -> str:
    leading = {link.number: link.url for link in links}
    html = _OWN_WAY.sub("", html)
    html = _FOLLOWED.sub(lambda found: escape(leading.get(int(found[1]), "#")), html)
    html = _SHARED.sub(lambda found: escape(shared.get(found[1], "#")), html)
    return _OWN.sub("#", html)


def _told(face: Face) -> str:
    """Open Graph (ogp.me), and what X reads besides."""
    width, height = face.image_size
    named = {
        "og:type": "article", "og:site_name": face.site, "og:title": face.title, "og:description": face.description,
        "og:url": face.address, "og:locale": {"fr": "fr_FR", "en": "en_GB"}.get(face.language, face.language),
        "og:image": face.image, "og:image:alt": face.image_alt, "og:image:width": str(width or ""),
        "og:image:height": str(height or ""),
    }  # fmt: skip
    lines = [f'<meta property="{name}" content="{escape(value)}">' for name, value in named.items() if value]
    lines += [
        f'<meta name="twitter:card" content="{"summary_large_image" if face.image else "summary"}">',
        f'<meta name="description" content="{escape(face.description)}">' if face.description else "",
        f'<link rel="canonical" href="{escape(face.canonical)}">',
        "" if face.is_listed else '<meta name="robots" content="noindex, nofollow">',
    ]
    return "".join(lines)


def _bar(bar: Bar) -> str:
    ways = "".join(
        f' <a href="{escape(address)}" target="_blank" rel="noopener" style="display:inline-block;margin:2px 4px;'
        'padding:2px 12px;border:1px solid #9FE3DD;border-radius:14px;color:#E8F1F2;text-decoration:none">'
        f"{escape(words)}</a>"
        for words, address in bar.ways.values()
    )
    return (
        f'<div role="navigation" aria-label="{escape(bar.asked)}" style="background:#0B2545;color:#E8F1F2;'
        'font:14px/1.7 Helvetica,Arial,sans-serif;text-align:center;padding:8px 12px">'
        f'<span style="margin-right:8px">{escape(bar.told)}</span>{escape(bar.asked)}{ways}</div>'
    )


def _put(page: str, tag: str, piece: str) -> str:
    found = re.search(rf"<{tag}\b[^>]*>", page, re.IGNORECASE)
    return page[: found.end()] + piece + page[found.end() :] if found else piece + page
