"""The template library: each template is a list of blocks with their words in every language, made into MJML.

`data/templates/NAME.toml` says which blocks in which order; `blocks/KIND.mjml` says how one looks; `frame.mjml` is
what stands around them. `[[word]]` is filled when a template is taken; merge fields stay for the recipient.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from sillage.content.message import Source
from sillage.content.mime import Attachment
from sillage.domain.campaign import SourceKind
from sillage.errors import NotFound
from sillage.i18n import LANGUAGES

FOLDER = Path(__file__).parents[2] / "data" / "templates"
_SLOT = re.compile(r"\[\[(\w+)\]\]")
_CID = re.compile(r"cid:([\w-]+)")
_HOME = "https://www.example.com/"
LOGO_WIDTH, LOGO_HEIGHT = 200, 56
_HEADS = ("masthead", "banner")
"""Blocks that say at the head of a mail whose it is."""
_PALETTE = ("ground", "surface", "tint", "ink", "body", "quiet", "edge", "accent")
_INK = {
    "surface": "#FFFFFF", "ink": "#0B2545", "body": "#22384F", "quiet": "#56657A", "edge": "#D5E2E5",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its kind, and its words by language."""

    kind: str
    words: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Logo:
    """An account's logo: its address, and its size in pixels."""

    url: str
    width: int
    height: int

    @property
    def shown_width(self) -> int:
        """How wide it stands at the head of a mail, in points: no larger than it is, and no taller than a line."""
        return max(1, min(self.width, LOGO_WIDTH, round(LOGO_HEIGHT * self.width / max(1, self.height))))


@dataclass(frozen=True, slots=True)
class Filled:
    """A template as somebody takes it: the same a person could have written, with its pictures."""

    name: str
    language: str
    subject: str
    preheader: str
    kind: SourceKind
    body: str
    files: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """One template of the library."""

    name: str
    category: str
    titles: Mapping[str, str]
    subjects: Mapping[str, str]
    preheaders: Mapping[str, str]
    palette: Mapping[str, str]
    blocks: tuple[Block, ...]

    @property
    def sequence(self) -> tuple[str, ...]:
        """The kinds of its blocks in order, which no other template has."""
        return tuple(block.kind for block in self.blocks)

    def fill(self, language: str, brand: str, accent: str | None = None, logo: Logo | None = None) -> Filled:
        """The template in a language, for a brand, with its colour (`#RRGGBB`) where it has one that white is read on,
        and with its logo at its head.

        Whatever name the brand has, it stays a word.
        """
        subject = self.subjects[language]
        shared = {**self.palette, "brand": escape(_inert(brand)), "language": language, "subject": escape(subject)}
        if accent is not None:
            shared["accent"] = accent
        shared["href"] = shared["href2"] = shared["href3"] = _HOME
        blocks = [(b.kind, b.words[language]) for b in self.blocks]
        if logo is not None:
            shared |= {"logo": escape(logo.url), "logo_width": str(logo.shown_width)}
            heads = [(f"{kind}.logo" if kind in _HEADS else kind, words) for kind, words in blocks]
            blocks = heads if heads != blocks else [(f"{_HEADS[0]}.logo", {}), *blocks]
        parts = [_put(_part(f"blocks/{kind}.mjml"), {**shared, **words}) for kind, words in blocks]
        body = _put(_part("frame.mjml"), {**shared, "blocks": "".join(parts)})
        names = dict.fromkeys(_CID.findall(body))
        files = tuple(Attachment(f"{name}.png", "image/png", _image(name), name) for name in names)
        return Filled(self.name, language, subject, self.preheaders[language], SourceKind.MJML, body, files)


@cache
def library() -> dict[str, Template]:
    """All templates by name."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.toml"))}


def template(name: str) -> Template:
    """Raises: NotFound."""
    found = library().get(name)
    if found is None:
        raise NotFound(f"no template {name!r}")
    return found


def picture(name: str, language: str) -> Path:
    """How a template looks, for the gallery."""
    return FOLDER / "pictures" / f"{name}.{language}.png"


def source_of(filled: Filled) -> Source:
    """What is compiled of a template."""
    return Source(filled.kind, filled.body, filled.subject, filled.preheader, files=filled.files)


def _read(path: Path) -> Template:
    raw: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    palette = {**_INK, **raw["palette"]}
    missing = set(_PALETTE) - set(palette)
    if missing:
        msg = f"{path}: palette lacks {', '.join(sorted(missing))}"
        raise ValueError(msg)
    return Template(
        name=path.stem,
        category=raw["category"],
        titles={language: raw[language]["title"] for language in LANGUAGES},
        subjects={language: raw[language]["subject"] for language in LANGUAGES},
        preheaders={language: raw[language]["preheader"] for language in LANGUAGES},
        palette=palette,
        blocks=tuple(_block(raw_block) for raw_block in raw["blocks"]),
    )


def _block(raw: Mapping[str, Any]) -> Block:
    """Words that are the same in every language (a picture, a code) stand outside the languages."""
    shared = {key: str(value) for key, value in raw.items() if key not in {"kind", *LANGUAGES}}
    return Block(raw["kind"], {language: {**shared, **raw.get(language, {})} for language in LANGUAGES})


def _put(text: str, words: Mapping[str, str]) -> str:
    """Raises: KeyError for a slot that has no word."""
    return _SLOT.sub(lambda found: words[found.group(1)], text)


def _inert(brand: str) -> str:
    """A name can hold no merge field, slot or control character: it is shown as it is."""
    return re.sub(r"[{}\[\]%\x00-\x1f\ue000-\ue002]", " ", brand)


@cache
def _part(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


@cache
def _image(name: str) -> bytes:
    return (FOLDER / "images" / f"{name}.png").read_bytes()
