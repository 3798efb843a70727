"""What keeps somebody from reading a mail: pictures without words, pale letters, links that say nothing.

Read from the HTML that is sent, by the rules of WCAG 2.2 that a mail can be held to; each says what to change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

ENOUGH = 4.5
"""Contrast of letters to their ground, WCAG 1.4.3; large letters need 3."""
ENOUGH_LARGE = 3.0
_LARGE_PX = 24.0
_LARGE_BOLD_PX = 18.66
_BOLD = 700
_MAX_SHOWN = 60
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_SILENT = frozenset({"style", "script", "head", "title"})
_VAGUE = frozenset({
    "here", "click here", "click", "read more", "more", "this", "link", "ici", "cliquez ici", "cliquer ici", "lire",
    "lire la suite", "en savoir plus", "suite", "plus", "lien",
})  # fmt: skip
_NAMED = {
    "white": "#ffffff", "black": "#000000", "red": "#ff0000", "green": "#008000", "blue": "#0000ff",
    "gray": "#808080", "grey": "#808080", "silver": "#c0c0c0", "yellow": "#ffff00", "orange": "#ffa500",
    "navy": "#000080", "teal": "#008080", "maroon": "#800000", "purple": "#800080",
}  # fmt: skip
ADVICE = {
    "language": "The mail does not say its language: screen readers guess how to speak it. Add lang to <html>.",
    "alt": "A picture has no words for those who don't see it. Say what it shows; leave the words empty for ornament.",
    "link_text": "A link says nothing out of its place. Let its words say where it leads.",
    "link_empty": "A link has no words at all: those who hear the mail can't know of it.",
    "headings": "A heading skips a level: those who go from heading to heading lose their way.",
    "contrast": "Letters are too pale for their ground (%(ratio)s; %(enough)s is enough). Make them darker or larger.",
    "tables": 'A table that only places things is read out as a table. Add role="presentation" to it.',
    "small": "Letters are smaller than 12 pixels: many can't read them on a phone.",
}


@dataclass(frozen=True, slots=True)
class Barrier:
    """One finding: which rule, where (words or an address), and how much where it is a measure."""

    rule: str
    where: str
    ratio: float = 0.0
    enough: float = 0.0


@dataclass(slots=True)
class _Look:
    """How what stands inside a tag looks."""

    tag: str
    colour: str = "#000000"
    ground: str | None = "#ffffff"
    size: float = 16.0
    is_bold: bool = False
    is_hidden: bool = False


def barriers(source: str) -> list[Barrier]:
    """What is in the way in an HTML page, each once."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    return list(dict.fromkeys(reader.all_found()))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (#rrggbb), 1 to 21. Source: WCAG 2.2, relative luminance."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)  # noqa: PLR2004
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def colour_of(text: str) -> str | None:
    """A colour of CSS as #rrggbb; None where it is none that can be told (transparent, a gradient, a variable)."""
    text = text.strip().lower().removesuffix("!important").strip()
    text = _NAMED.get(text, text)
    if re.fullmatch(r"#[0-9a-f]{3}", text):
        text = "#" + "".join(c * 2 for c in text[1:])
    if re.fullmatch(r"#[0-9a-f]{6}", text):
        return text
    found = re.fullmatch(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/]\s*1(?:\.0*)?\s*)?\)", text)
    return "#" + "".join(f"{min(int(part), 255):02x}" for part in found.groups()) if found else None


class _Reader(HTMLParser):
    """Walks a page with the colours and sizes of each place."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open = [_Look("")]
        self._found: list[Barrier] = []
        self._heading = 0
        self._link: list[str] | None = None
        self._link_where = ""
        self._has_html = self._has_language = False

    def all_found(self) -> Iterator[Barrier]:
        if not self._has_language:
            yield Barrier("language", "")
        yield from self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        around = self._open[-1]
        look = _looks(tag, given, around)
        if tag == "html" and given.get("lang", "").strip():
            self._has_language = True
        elif tag == "img" and not look.is_hidden:
            self._picture(given)
        elif tag == "a" and given.get("href"):
            self._link, self._link_where = [], given["href"][:_MAX_SHOWN]
        elif re.fullmatch(r"h[1-6]", tag):
            level = int(tag[1])
            if self._heading and level > self._heading + 1:
                self._found.append(Barrier("headings", f"h{self._heading} → {tag}"))
            self._heading = level
        elif tag == "table" and given.get("role", "") not in {"presentation", "none"} and not look.is_hidden:
            self._found.append(Barrier("tables", ""))
        if tag == "th":
            self._found = [b for b in self._found if b.rule != "tables"]
        if tag not in _VOID and len(self._open) < 5_000:  # noqa: PLR2004  # deeper than any mail
            self._open.append(look)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            words = " ".join("".join(self._link).split()).strip(" .!>»→")
            if not words:
                self._found.append(Barrier("link_empty", self._link_where))
            elif words.lower() in _VAGUE:
                self._found.append(Barrier("link_text", words))
            self._link = None
        for at in range(len(self._open) - 1, max(0, len(self._open) - 100), -1):
            if self._open[at].tag == tag:
                del self._open[at:]
                return

    def handle_data(self, data: str) -> None:
        look, words = self._open[-1], " ".join(data.split())
        if not words.strip("\u200c\u034f\u00a0 ") or look.is_hidden or look.tag in _SILENT:
            return
        if self._link is not None:
            self._link.append(data)
        if 0 < look.size < 12:  # noqa: PLR2004  # see ADVICE
            self._found.append(Barrier("small", words[:_MAX_SHOWN]))
        if look.ground is None:
            return
        is_large = look.size >= _LARGE_PX or (look.is_bold and look.size >= _LARGE_BOLD_PX)
        enough, ratio = ENOUGH_LARGE if is_large else ENOUGH, contrast(look.colour, look.ground)
        if ratio < enough:
            self._found.append(Barrier("contrast", words[:_MAX_SHOWN], round(ratio, 1), enough))

    def _picture(self, given: dict[str, str]) -> None:
        is_pixel = given.get("width") in {"0", "1"} and given.get("height") in {"0", "1"}
        if "alt" not in given and not is_pixel:
            self._found.append(Barrier("alt", given.get("src", "")[:_MAX_SHOWN]))
        if self._link is not None:
            self._link.append(given.get("alt", ""))


def _looks(tag: str, given: dict[str, str], around: _Look) -> _Look:
    style = {
        name.strip().lower(): value
        for name, _, value in (part.partition(":") for part in given.get("style", "").split(";"))
    }
    look = _Look(tag, around.colour, around.ground, around.size, around.is_bold, around.is_hidden)
    if tag == "a":
        look.colour = "#0000ee"
    look.colour = colour_of(style.get("color", given.get("color", ""))) or look.colour
    ground = style.get("background-color") or style.get("background") or given.get("bgcolor", "")
    if ground.strip() and ground.strip().lower() not in {"none", "transparent"}:
        look.ground = colour_of(ground.split("url(")[0].split()[0] if ground.split("url(")[0].split() else "")
    if "background" in given or "url(" in style.get("background-image", ""):
        look.ground = None
    look.size = _points(style.get("font-size", ""), around.size)
    weight = style.get("font-weight", "").strip().lower()
    look.is_bold = tag in {"b", "strong", "h1", "h2", "h3", "th"} or weight in {"bold", "bolder"} or look.is_bold
    if weight.isdecimal():
        look.is_bold = int(weight) >= _BOLD
    is_gone = "none" in style.get("display", "") or "hidden" in style.get("visibility", "")
    look.is_hidden = around.is_hidden or is_gone or "all" in style.get("mso-hide", "")
    return look


def _points(text: str, around: float) -> float:
    found = re.match(r"\s*(\d+(?:\.\d+)?)\s*(px|pt|em|rem|%)?", text)
    if found is None:
        return around
    number = float(found.group(1))
    return {"pt": number * 4 / 3, "em": number * around, "rem": number * 16, "%": number * around / 100}.get(
        found.group(2) or "px", number
    )
