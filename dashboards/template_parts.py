"""The parts of the page of templates: gallery, one template, saving, taking in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from dashboards.own_pictures import with_own_pictures
from dashboards.shell import Desk, boundary, go, link
from dashboards.words import plain
from sillage.campaign.drafting import draft_of
from sillage.campaign.prepare import footer_of
from sillage.content import template_file
from sillage.content import templates as built_in
from sillage.content.message import Source
from sillage.content.preview import shown
from sillage.domain.campaign import MessageKind
from sillage.i18n import LANGUAGES, language_of
from sillage.store import brands, campaigns, templates

CATEGORIES = {
    "newsletter": "newsletter", "welcome": "welcome", "sale": "sale", "event": "event",
    "abandoned basket": "abandoned basket", "birthday": "birthday", "survey": "survey",
    "announcement": "announcement", "loyalty": "loyalty", "transactional": "transactional",
}  # fmt: skip
WIDTHS = {"desktop": 660, "tablet": 600, "phone": 360}
NAMES = {"desktop": "desktop", "tablet": "tablet", "phone": "phone"}
OWN = "own-"
HEIGHT = 720
WANTED = "template_wanted"


@dataclass(frozen=True, slots=True)
class Shown:
    """One template, of the library or of the account, by the name that the address has."""

    key: str
    title: str
    source: Source


def found(desk: Desk, key: str, language: str) -> Shown:
    """The template of an address.

    Raises: NotFound.
    """
    if key.startswith(OWN) and key.removeprefix(OWN).isdecimal():
        with desk.store.read() as conn:
            saved = templates.get(conn, desk.account_id, int(key.removeprefix(OWN)))
        return Shown(key, saved.name, saved.source)
    template = built_in.template(key)
    with desk.store.read() as conn:
        accent, logo = brands.accent(conn, desk.account_id), brands.of_account(conn, desk.account_id).logo
    mark = built_in.Logo(desk.settings.base_url + logo.path, logo.width, logo.height) if logo is not None else None
    filled = template.fill(language, desk.account.name, accent, mark)
    return Shown(key, template.titles[language_of(desk.words.language)], built_in.source_of(filled))


def language_wanted(desk: Desk) -> str:
    """The language of the address, else that of the account's mails."""
    return language_of(st.query_params.get("written") or desk.account.locale)


def gallery(desk: Desk, language: str) -> None:
    """The library, picture by picture; what is looked for stands in the address."""
    words = desk.words
    kinds = list(CATEGORIES)
    held = st.query_params.get("category", "")
    wanted = st.pills(
        words.t("Kind"), kinds, default=held if held in kinds else None, key="template_category",
        format_func=lambda kind: words.t(CATEGORIES[kind]), label_visibility="collapsed",
    )  # fmt: skip
    if wanted:
        st.query_params["category"] = wanted
    else:
        st.query_params.pop("category", None)
    with st.container(horizontal=True, gap="medium", horizontal_alignment="center"):
        for template in sorted(built_in.library().values(), key=lambda t: kinds.index(t.category)):
            if wanted in {None, template.category}:
                with st.container(width=230, border=True):
                    title = template.titles[language_of(words.language)]
                    st.image(built_in.picture(template.name, language), width="stretch", alt=title)
                    st.markdown(f"**{plain(title)}**")
                    link(
                        words.t("Look at it"), "templates", icon=":material/visibility:",
                        params={"template": template.name, "written": language},
                    )  # fmt: skip


def own(desk: Desk) -> None:
    """The account's own templates."""
    words = desk.words
    with desk.store.read() as conn:
        held = templates.listed(conn, desk.account_id)
    if not held:
        st.info(
            words.t("You have no template of your own yet. Save a campaign as one below, or take in a file."),
            icon=":material/dashboard_customize:",
        )
    for saved in held:
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{plain(saved.name)}**  \n{plain(saved.source.subject)}", width="content")
            link(words.t("Look at it"), "templates", icon=":material/visibility:",
                 params={"template": f"{OWN}{saved.id}"})  # fmt: skip


def one(desk: Desk, seen: Shown, language: str) -> None:
    """A template as its readers see it, and what can be done with it."""
    words, is_own = desk.words, seen.key.startswith(OWN)
    link(words.t("All templates"), "templates", icon=":material/arrow_back:")
    st.title(plain(seen.title))
    st.caption(plain(seen.source.subject))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        params = {"template": seen.key, **({} if is_own else {"written": language})}
        st.button(
            words.t("Use this template"), type="primary", icon=":material/edit_document:", key="template_use",
            on_click=partial(st.session_state.__setitem__, WANTED, (seen.key, language)),
        )  # fmt: skip
        link(words.t("Into a campaign at once"), "new_campaign", icon=":material/edit_square:", params=params)
        st.download_button(
            words.t("Export"), lambda: template_file.pack(seen.title, seen.source), f"{seen.key}.zip",
            mime="application/zip", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        if is_own:
            _remove(desk, seen)
        else:
            _written(desk, language)
    width = st.segmented_control(
        words.t("Seen on"), list(WIDTHS), default="desktop", required=True, key="template_width",
        format_func=lambda name: words.t(NAMES[name]),
    )  # fmt: skip
    with boundary(words):
        page = shown(seen.source, footer_of(desk.account, MessageKind.MARKETING))
        preview(with_own_pictures(desk, page), WIDTHS[width], seen.title)


def use_wanted(desk: Desk) -> None:
    """Where the button was pressed: a draft with the template's content, its pictures in the library.

    What was wanted is remembered by the press: pressed while the page was still drawn, it comes without its address.
    """
    wanted = st.session_state.pop(WANTED, None)
    if wanted is None:
        return
    seen, by = found(desk, *wanted), desk.member.user_id if desk.member else None
    with desk.store.write() as conn:
        made = draft_of(conn, desk.settings, desk.account_id, seen.title, seen.source, by=by, now=desk.now())
    go(desk.words.t("Editor"), "editor", {"draft": str(made.id)})


def preview(page: str, width: int, title: str) -> None:
    """A mail in a frame of its own, in which nothing runs: whatever its author wrote, it can't reach this page."""
    inner = f'<iframe sandbox="" title="{escape(title, quote=True)}" srcdoc="{escape(page, quote=True)}"></iframe>'
    style = (
        "<style>body{margin:0}iframe{display:block;width:100%;border:1px solid #B9CDD2;border-radius:10px;"
        f"background:#fff;max-width:{width}px;height:{HEIGHT - 8}px;box-sizing:border-box}}</style>"
    )
    st.iframe(f"<!doctype html><html><head>{style}</head><body>{inner}</body></html>", height=HEIGHT)


def save_campaign(desk: Desk) -> None:
    """A campaign's first version as a template."""
    words = desk.words
    with desk.store.read() as conn:
        known = {c.id: c.name for c in campaigns.listed(conn, desk.account_id)}
    if not known:
        st.caption(words.t("There is no campaign yet."))
        return
    with st.form("save_template"), boundary(words):
        wanted = st.selectbox(words.t("Campaign"), list(known), format_func=lambda i: known[i], key="template_of")
        name = st.text_input(words.t("Name of the template"), key="template_name")
        if st.form_submit_button(words.t("Save as a template"), type="primary"):
            with desk.store.write() as conn:
                source = campaigns.variants_of(conn, desk.account_id, wanted)[0].source
                made = templates.save(conn, desk.account_id, name or known[wanted], source, now=desk.now())
            st.query_params["template"] = f"{OWN}{made}"
            st.rerun()


def take_in(desk: Desk) -> None:
    """A template out of a file that was exported here or elsewhere."""
    words = desk.words
    with st.form("take_template", clear_on_submit=True), boundary(words):
        file = st.file_uploader(words.t("A template's file (ZIP)"), type=["zip"], key="template_file",
                                max_upload_size=10)  # fmt: skip
        if st.form_submit_button(words.t("Take it in")) and file is not None:
            name, source = template_file.unpack(file.getvalue())
            # What can't be compiled is no template: it is refused here, and not when somebody wants to send it.
            shown(source, footer_of(desk.account, MessageKind.MARKETING))
            with desk.store.write() as conn:
                made = templates.save(conn, desk.account_id, name or file.name, source, now=desk.now())
            st.query_params["template"] = f"{OWN}{made}"
            st.rerun()


def begin_with(desk: Desk) -> None:
    """Put the template of the address into the form of a new campaign, once."""
    key = st.query_params.get("template")
    if not key:
        return
    language = language_wanted(desk)
    mark = json.dumps([key, language])
    if st.session_state.get("begun_with") == mark and "source_A" in st.session_state:
        return
    source = found(desk, key, language).source
    held: dict[str, Any] = {
        "begun_with": mark, "subject_A": source.subject, "preheader_A": source.preheader, "source_A": source.body,
        "language_A": source.kind.value.upper(), "files_A": source.files,
    }  # fmt: skip
    st.session_state.update(held)


def _written(desk: Desk, language: str) -> None:
    words = desk.words
    wanted = st.segmented_control(
        words.t("Written in"), list(LANGUAGES), default=language, required=True, key=f"written_{language}",
        format_func={"fr": "Français", "en": "English"}.__getitem__,
    )  # fmt: skip
    if wanted and wanted != language:
        st.query_params["written"] = wanted
        st.rerun()


def _remove(desk: Desk, seen: Shown) -> None:
    words = desk.words
    with st.popover(words.t("Throw away"), icon=":material/delete:"), boundary(words):
        st.write(words.t("Campaigns made of it keep what they took."))
        if st.button(words.t("Throw this template away"), type="primary", key="template_remove"):
            with desk.store.write() as conn:
                templates.remove(conn, desk.account_id, int(seen.key.removeprefix(OWN)))
            st.query_params.pop("template", None)
            st.rerun()
