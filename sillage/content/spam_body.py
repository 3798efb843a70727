"""What the body of a mail tells a filter: its tone, its links, its pictures, its markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from sillage.content.letter import Anchor, Letter, Markup
from sillage.content.spam_signs import Sign, listed

_FEW_WORDS = 60
_READ = 100_000
_GAPPED = re.compile(r"(?<!\S)(?:[A-Za-z] ){5,}[A-Za-z](?!\S)|(?<!\S)(?:[A-Za-z][*_]){4,}[A-Za-z](?!\S)")
_SUM = re.compile(r"\$\s?\d{1,3}(?:,\d{3})+")
_NUMBER_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\d{8,10}|0x[0-9a-f]+")
_MADE_UP_HOST = re.compile(r"\d{4,}|^(?=.*[a-z])(?:[a-z]*\d){4}")
_AFFILIATE = re.compile(
    r"/(?:remove|removal|optout|opt-out|takemeoff|unlist)\b|[?&/](?:affiliate|aff_?id)=\w+", re.IGNORECASE
)
_SAYS_ADDRESS = re.compile(r"\s*(?:https?://|www\.)((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#:]\S*)?\s*")
_PREPARED = re.compile(r"subject=[^&]*(?:remove|unsub|info|more)", re.IGNORECASE)
_BLOCKED_TAGS = ("script", "form", "object", "marquee")


def signs(letter: Letter) -> Iterable[Sign]:
    """Every check of this module."""
    yield from _tone(letter)
    yield from _links(letter)
    if letter.markup is not None:
        yield from _pictures(letter, letter.markup)
        yield from _colours(letter.markup)
        yield from _markup(letter.markup)


def _tone(letter: Letter) -> Iterable[Sign]:
    text = letter.words[:_READ]
    words = re.findall(r"[^\W\d_]{4,}", text)
    share = sum(word.isupper() for word in words) / max(len(words), 1)
    if len(words) >= 40 and share > 0.12:
        yield Sign("body.capitals", (f"{share:.0%}",), is_strong=share > 0.3)
    marks = text.count("!")
    density = 1000 * marks / max(len(text), 1)
    if marks >= 4 and density > 3:
        yield Sign("body.marks", (str(marks),), is_strong=density > 6)
    if _GAPPED.search(text):
        yield Sign("body.gaps")
    sums = _SUM.findall(text)
    if (len(sums) >= 3 and 1000 * len(sums) > len(text)) or "$$" in text:
        yield Sign("body.sums", tuple(sums[:3]))
    if letter.markup is None and marks >= 3 and re.search(r"[=*#~_-]{25,}", letter.plain or ""):
        yield Sign("body.rules")


def _links(letter: Letter) -> Iterable[Sign]:
    web = [link for link in letter.links if link.url.lower().startswith(("http:", "https:", "www."))]
    hosts = sorted({_host(link.url) for link in web})
    named = [host for host in hosts if not _NUMBER_HOST.fullmatch(host)]
    found = {
        "links.ip": [host for host in hosts if host not in named],
        "links.shortener": [host for host in hosts if host in listed("shorteners")],
        "links.port": [link.url for link in web if _has_port(link.url)],
        "links.mismatch": [f"{link.text} → {_host(link.url)}" for link in web if _lies(link)],
        "links.disguised": [link.url for link in web if _is_disguised(link.url)],
        "links.odd_host": [host for host in named if _is_odd(host)],
        "links.affiliate": [link.url for link in web if _AFFILIATE.search(link.url)],
        "links.mailto_only": [] if web else [link.url for link in letter.links if _PREPARED.search(unquote(link.url))],
    }
    for rule, seen in found.items():
        if seen:
            yield Sign(rule, tuple(text[:120] for text in seen[:3]))


def _pictures(letter: Letter, markup: Markup) -> Iterable[Sign]:
    seen = [picture for picture in markup.pictures if not picture.is_pixel]
    words = len(letter.words.split())
    if seen and words < _FEW_WORDS:
        yield Sign("pictures.only", (str(words),), is_strong=words < _FEW_WORDS // 3)
    if len(seen) >= 3 and sum(1 for picture in seen if picture.alt) < len(seen) / 2:
        yield Sign("pictures.no_alt")


def _colours(markup: Markup) -> Iterable[Sign]:
    if markup.loud_colours >= 3:
        yield Sign("markup.colours", is_strong=markup.loud_colours >= 6)
    if markup.big_fonts >= 2:
        yield Sign("markup.big_fonts")
    if markup.tags.get("font", 0) and markup.tags.get("center", 0) >= 3:
        yield Sign("markup.centred")


def _markup(markup: Markup) -> Iterable[Sign]:
    tags = markup.tags
    for name in _BLOCKED_TAGS:
        if tags.get(name):
            yield Sign(f"markup.{name}")
    if len(markup.hidden) > max(200, len(markup.text)):
        yield Sign("markup.hidden")
    if len(markup.tiny) > 80:
        yield Sign("markup.tiny", (markup.tiny[:60],))
    if markup.comments_in_words:
        yield Sign("markup.split_words")
    if not (tags.get("html") and tags.get("body")):
        yield Sign("markup.no_page")
    elif not markup.title:
        yield Sign("markup.no_title")
    if len(markup.unclosed) > 8:
        yield Sign("markup.unclosed")


def _host(url: str) -> str:
    try:
        return (urlsplit(_whole(url)).hostname or "").lower()
    except ValueError:
        return ""


def _whole(url: str) -> str:
    return url if "//" in url else f"http://{url}"


def _has_port(url: str) -> bool:
    try:
        return urlsplit(_whole(url)).port not in {None, 80, 443}
    except ValueError:
        return True


def _is_disguised(url: str) -> bool:
    try:
        place = urlsplit(_whole(url)).netloc
    except ValueError:
        return True
    return "@" in place or "%" in place


def _is_odd(host: str) -> bool:
    return host.rpartition(".")[2] in listed("abused_ends") or bool(_MADE_UP_HOST.search(host))


def _lies(link: Anchor) -> bool:
    said = _SAYS_ADDRESS.fullmatch(link.text.lower())
    real = _host(link.url)
    return said is not None and bool(real) and _site(said.group(1)) != _site(real)


def _site(host: str) -> str:
    return ".".join(host.split(".")[-2:])
