"""The editor of mails as a part of a page: MJML in, MJML out; the page decides what is kept."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from html import escape
from typing import Any

import streamlit as st
from PIL import Image
from streamlit.components.v2.types import ComponentRenderer

from dashboards.editor_words import FAULTS, LABELS, MAIL
from dashboards.shell import Desk
from sillage.campaign.sentence import FIELDS
from sillage.content.samples import placeholders
from sillage.content.templates import Logo
from sillage.domain.contact import TEXT_FIELDS
from sillage.i18n import catalogue, language_of
from sillage.settings import Settings
from sillage.store import brands, fields, image_files, images, segments
from sillage.store.brands import Brand
from sillage.store.images import LibraryImage

HEIGHT = 780
_SHADE = 140
_THUMBNAIL = 240
MAX_OFFERED = 100
"""Pictures of the library that the editor shows: the newest."""
_NO_CONDITION = re.compile(r'["\\{}%]')
"""What a segment's name can't hold to stand in a condition of Liquid."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What came back from the editor in this run: the design, an upload, a wish, or why it can't be edited so."""

    source: str | None = None
    upload: Mapping[str, Any] | None = None
    fault: str | None = None
    wants_images: bool = False
    """Whether somebody wants to choose a picture: until then none is sent along."""


@cache
def _component() -> ComponentRenderer:
    return st.components.v2.component(
        "sillage-editor.editor", html='<div class="slg-editor"></div>', css="editor.css", js="editor.js",
        isolate_styles=False,
    )  # fmt: skip


def mail_editor(
    desk: Desk, token: str, source: str, *, has_images: bool = False, image_fault: str = "",
    shows_outside: bool = False,
) -> Edited:  # fmt: skip
    """The editor on a source. It goes on with what it holds as long as `token` stays; another one opens `source`."""
    data = {**_around(desk, has_images=has_images), "token": token, "source": source, "image_fault": image_fault}
    own = desk.settings.base_url
    data["image_sources"] = "data: blob: " + ("http: https:" if shows_outside else own)
    key = f"editor_{token}"
    result = _component()(
        key=key, data=data, height=HEIGHT, default={"design": None, "fault": None},
        on_design_change=partial(_keep, key), on_fault_change=_heard,
        on_upload_change=partial(_hold, key, "upload"), on_pick_change=partial(_hold, key, "pick"),
    )  # fmt: skip
    design, fault = _of(result.get("design"), token), _of(result.get("fault"), token)
    body = design.get("source")
    return Edited(
        source=body if isinstance(body, str) else None,
        upload=st.session_state.pop(f"{key}_upload", None),
        wants_images=bool(st.session_state.pop(f"{key}_pick", None)),
        fault=_said(desk, fault) if fault else None,
    )


def uploaded(upload: Mapping[str, Any]) -> tuple[str, str, bytes]:
    """Name, alternative text and bytes of a picture that was taken in within the editor; no bytes where it is none."""
    try:
        raw = base64.b64decode(str(upload.get("content", "")), validate=True)
    except binascii.Error:
        raw = b""
    return str(upload.get("name", ""))[:200] or "image", str(upload.get("alt", ""))[:200], raw


def thumbnail(desk: Desk, image: LibraryImage) -> str:
    """A small copy of a picture, as an address that carries it."""
    return _small(str(desk.settings.data_dir), image.key, image.type, desk.settings)


@st.cache_data(show_spinner=False, max_entries=2000)
def _small(home: str, key: str, kind: str, _settings: Settings) -> str:  # noqa: ARG001  # the home tells installations apart
    content = image_files.read(_settings, key, image_files.EXTENSIONS[kind])
    if content is None:
        return "data:,"
    with Image.open(io.BytesIO(content)) as found:
        found.thumbnail((_THUMBNAIL, _THUMBNAIL))
        out = io.BytesIO()
        found.convert("RGBA").save(out, "WEBP", quality=60)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"


def told(token: str) -> str | None:
    """The design that came with this run, also where the editor is off the page by now: another view was chosen."""
    body = _of(st.session_state.pop(f"editor_{token}_told", None), token).get("source")
    return body if isinstance(body, str) else None


def _keep(key: str) -> None:
    """Before the page is drawn: what the editor told, for whoever draws it."""
    state = st.session_state.get(key)
    if isinstance(state, Mapping):
        st.session_state[f"{key}_told"] = state.get("design")


def _hold(key: str, name: str) -> None:
    """Hold what came once until a run has dealt with it: a design that saves itself may end this one on its way."""
    state = st.session_state.get(key)
    if isinstance(state, Mapping) and state.get(name):
        st.session_state[f"{key}_{name}"] = state[name]


def _heard() -> None:
    """Streamlit wants a callback for each state; the run that follows reads them."""


def _of(state: Any, token: str) -> Mapping[str, Any]:
    """What the editor told of this source; what it told of another one before is nothing."""
    return state if isinstance(state, Mapping) and state.get("token") == token else {}


def _said(desk: Desk, fault: Mapping[str, Any]) -> str:
    told = {name: str(fault.get(name, "?"))[:40] for name in ("tag", "parent", "line")}
    return desk.words.t(FAULTS.get(str(fault.get("code")), FAULTS["not_kept"]), **told)


def _around(desk: Desk, *, has_images: bool) -> dict[str, Any]:
    """Words, fields, segments, brand and pictures: what the editor offers."""
    words = desk.words
    with desk.store.read() as conn:
        brand = brands.of_account(conn, desk.account_id)
        custom = sorted(fields.types(conn, desk.account_id))
        library = images.listed(conn, desk.account_id, MAX_OFFERED) if has_images else []
        named = [segment.name for segment in segments.listed(conn, desk.account_id)]
    mail = catalogue(language_of(desk.account.locale)).gettext
    said = {**{key: mail(text) for key, text in MAIL.items()}, "brand": escape(desk.account.name)}
    return {
        "labels": {key: words.t(text) for key, text in LABELS.items()},
        "fields": [{"name": name, "label": words.t(FIELDS[name])} for name in TEXT_FIELDS]
        + [{"name": name, "label": name} for name in custom],
        "segments": [name for name in named if not _NO_CONDITION.search(name)],
        "brand": {**_brand(brand), "logo": _logo(desk, brand.logo)},
        "mail": {**said, **placeholders()},
        "has_images": has_images,
        "images": [
            {"url": desk.settings.base_url + image.path, "thumbnail": thumbnail(desk, image), "alt": image.alt,
             "name": image.name}
            for image in library
        ],
    }  # fmt: skip


def _brand(brand: Brand) -> dict[str, Any]:
    return {
        "colours": list(brand.colours), "text": brand.text_colour, "button": brand.button_colour,
        "on_button": readable_on(brand.button_colour), "link": brand.link_colour, "font": brand.font,
    }  # fmt: skip


def _logo(desk: Desk, logo: LibraryImage | None) -> dict[str, Any] | None:
    if logo is None:
        return None
    url = desk.settings.base_url + logo.path
    width = Logo(url, logo.width, logo.height).shown_width
    return {"url": url, "alt": logo.alt or desk.account.name, "width": width}


def readable_on(colour: str) -> str:
    """Black or white, whichever is read better on a colour (#RRGGBB)."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#0B2545" if 0.299 * red + 0.587 * green + 0.114 * blue > _SHADE else "#FFFFFF"
