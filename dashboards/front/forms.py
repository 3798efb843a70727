"""What the pages of the way in are made of: fields, sentences, and what a POST says."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from dashboards.words import Words
from sillage.i18n import LANGUAGES, language_of

MAX_BODY = 16_384
NAMES = {"fr": "Français", "en": "English"}


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a urlencoded POST, the last of each name; None where it is too large or no form."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return None
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            return None
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        return None


def is_same_site(request: Request) -> bool:
    """Whether a POST was sent by a page of this host, as far as the browser tells."""
    origin = request.headers.get("origin")
    if origin in {None, ""}:
        return request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
    return urlsplit(str(origin)).netloc == request.headers.get("host", "")


def language_asked(request: Request) -> str:
    """The language of the address, else the one that the browser asks for first."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return str(asked)
    return language_of(request.headers.get("accept-language", "").split(",")[0].split(";")[0].strip())


def field(label: str, name: str, *, kind: str = "text", value: str = "", fill: str = "", note: str = "") -> str:
    """A labelled field. `fill` is what a browser or password manager may fill in (HTML's autocomplete)."""
    told = f' aria-describedby="{name}-note"' if note else ""
    said = f'<span class="quiet note" id="{name}-note">{escape(note)}</span>' if note else ""
    hint = f' autocomplete="{fill}"' if fill else ""
    return (
        f'<label for="{name}">{escape(label)}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value, quote=True)}"'
        f" required{hint}{told}>{said}"
    )


def form(action: str, inner: str, button: str, hidden: Mapping[str, str]) -> str:
    """A form that posts to `action`."""
    held = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value, quote=True)}">' for name, value in hidden.items()
    )
    head = f'<form method="post" action="{escape(action, quote=True)}">'
    return f"{head}{held}{inner}<button>{escape(button)}</button></form>"


def wrong(text: str) -> str:
    """What went wrong, read out at once to who can't see it."""
    return f'<p class="wrong" role="alert">{escape(text)}</p>' if text else ""


def other_languages(words: Words, address: str) -> str:
    """Links to this page in the other languages."""
    joint = "&amp;" if "?" in address else "?"
    return " · ".join(
        f'<a href="{escape(address, quote=True)}{joint}lang={language}" lang="{language}">{NAMES[language]}</a>'
        for language in LANGUAGES
        if language != words.language
    )
