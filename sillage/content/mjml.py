"""MJML to HTML, as tolerant as its authors are used to.

What a text, a button or a table holds is HTML that nobody but its reader's browser has to understand: it is taken out
before the compiler sees it, and put back to the letter. Only the tags of MJML itself have to be in order.
"""

from __future__ import annotations

import re

from mjml import mjml2html

from sillage.errors import BadInput

_WITH_HTML = "mj-text|mj-button|mj-table|mj-raw|mj-social-element|mj-navbar-link|mj-accordion-title|mj-accordion-text"
_PROLOG = re.compile(r"\A\s*(?:<\?.*?\?>\s*|<!doctype[^>]*>\s*)+", re.DOTALL | re.IGNORECASE)
_PIECE = re.compile(
    rf"(?P<comment><!--.*?-->)|(?P<open><(?P<tag>{_WITH_HTML})(?P<rest>(?=[\s>])(?:\"[^\"]*\"|'[^']*'|[^'\">])*)(?<!/)>)"
    rf"(?P<content>.*?)(?P<close></(?P=tag)\s*>)",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"<(?:mj-[a-z-]+|mjml)(?=[\s/>])(?:\"[^\"]*\"|'[^']*'|[^'\">])*>", re.IGNORECASE)
_BARE = re.compile(r"""(\s[\w:-]+\s*=\s*)([^\s"'>/][^\s"'>]*)(?=[\s>]|/>)|"[^"]*"|'[^']*'""")
_PLACE = re.compile(r"position (\d+):(\d+)")
_MAX_SHOWN = 60


def to_html(source: str) -> str:
    """Responsive HTML from MJML.

    Raises: BadInput with what is wrong in it, and where.
    """
    if re.search(r"<mj-include[\s/>]", source, re.IGNORECASE):
        raise BadInput(
            "the MJML takes in other files by mj-include, which are not here; put their content in its place",
            code="mjml_include", field="source",
        )  # fmt: skip
    kept: list[str] = []
    mark = "sillagekept"
    while mark in source:
        mark += "x"

    def hide(found: re.Match[str]) -> str:
        if found["comment"] is not None or not found["content"].strip():
            return found.group()
        kept.append(found["content"])
        return f"{found['open']}{mark}{len(kept) - 1}z{found['close']}"

    shell = _TAG.sub(lambda tag: _BARE.sub(_quoted, tag.group()), _PIECE.sub(hide, _PROLOG.sub("", source)))
    try:
        # No font is fetched from anywhere: a reader's address is nobody else's business.
        made = str(mjml2html(shell, fonts={}))
    except ValueError as exc:
        raise BadInput(
            f"the MJML does not parse: {exc}{_near(shell, str(exc))}", code="mjml_syntax", field="source"
        ) from exc
    return re.sub(rf"{mark}(\d+)z", lambda found: kept[int(found.group(1))], made)


def _quoted(found: re.Match[str]) -> str:
    """An attribute as XML wants it; what is quoted already stays."""
    return f'{found.group(1)}"{found.group(2)}"' if found.group(1) else found.group()


def _near(shell: str, told: str) -> str:
    place = _PLACE.search(told)
    piece = " ".join(shell[int(place.group(1)) : int(place.group(1)) + _MAX_SHOWN].split()) if place else ""
    return f", near {piece!r}" if piece else ""
