"""How the public pages answer: the look that all pages outside Streamlit share, and the headers of a mail."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse

from sillage.i18n import catalogue, language_of
from sillage.look import PAGE_HEADERS, document

__all__ = ["IMAGE_HEADERS", "MAIL_HEADERS", "PAGE_HEADERS", "nowhere", "page", "preferred_language"]

# A mail in the browser brings its own styles and images, and nothing that runs.
MAIL_HEADERS = {
    **PAGE_HEADERS,
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; font-src https: data:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
    ),
}

# What lies under an address never changes: another picture has another address.
IMAGE_HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}


def page(language: str, title: str, body: str, *, status: int = 200) -> HTMLResponse:
    """A whole page; `body` is HTML that was escaped by its maker."""
    return HTMLResponse(document(language, title, body), status, headers=PAGE_HEADERS)


def preferred_language(request: Request) -> str:
    """The language that a browser asks for first, where no account tells."""
    return language_of(request.headers.get("accept-language", "").split(",")[0].split(";")[0].strip())


def nowhere(request: Request) -> HTMLResponse:
    """The answer to a link out of a message that leads to nothing."""
    language = preferred_language(request)
    _ = catalogue(language).gettext
    body = f"<p>{escape(_('It may have been cut on its way. Open it again from the message that you got.'))}</p>"
    return page(language, _("This link leads nowhere"), body, status=404)
