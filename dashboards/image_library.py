"""The image library: taking pictures in, saying what they show, throwing them away; and the brand kit beside it."""

from __future__ import annotations

import streamlit as st

from dashboards.mail_editor import thumbnail
from dashboards.shell import Desk, boundary
from dashboards.words import plain
from sillage.content.images import MAX_UPLOAD, picture_of
from sillage.store import brands, images
from sillage.store.brands import MAX_COLOURS, Brand
from sillage.store.images import LibraryImage

FONTS = (
    "Helvetica, Arial, sans-serif", "Georgia, 'Times New Roman', serif", "Verdana, Geneva, sans-serif",
    "'Trebuchet MS', Helvetica, sans-serif", "'Courier New', Courier, monospace",
)  # fmt: skip


def take_in(desk: Desk) -> None:
    """Upload pictures, each with what it shows."""
    words = desk.words
    with st.form("take_image", clear_on_submit=True), boundary(words):
        found = st.file_uploader(
            words.t("Pictures (PNG, JPEG, GIF, WebP)"), type=["png", "jpg", "jpeg", "gif", "webp"],
            accept_multiple_files=True, key="image_files", max_upload_size=MAX_UPLOAD // (1024 * 1024),
        )  # fmt: skip
        alt = st.text_input(
            words.t("What it shows, for those who don't see it"), key="image_alt", max_chars=images.MAX_TEXT
        )
        if st.form_submit_button(words.t("Take them in"), type="primary") and found:
            # Made ready before the transaction: that takes longer than others should wait.
            ready = [(file.name, picture_of(file.getvalue(), file.name)) for file in found]
            with desk.store.write() as conn:
                for name, picture in ready:
                    images.keep(conn, desk.settings, desk.account_id, name, picture, alt=alt, now=desk.now())
            st.rerun()


def library(desk: Desk) -> None:
    """All pictures, the newest first."""
    words = desk.words
    with desk.store.read() as conn:
        found = images.listed(conn, desk.account_id)
    if not found:
        st.info(words.t("There is no picture yet. Take one in above."), icon=":material/photo_library:")
    with st.container(horizontal=True, gap="medium"):
        for image in found:
            with st.container(width=240, border=True):
                _one(desk, image)


def _one(desk: Desk, image: LibraryImage) -> None:
    words = desk.words
    st.image(thumbnail(desk, image), alt=image.alt or image.name, width="stretch")
    size = words.number(round(image.size / 1024))
    st.caption(plain(f"{image.name} · {image.width} x {image.height} · {size} KB"))
    alt = st.text_input(words.t("What it shows"), image.alt, key=f"alt_{image.id}", max_chars=images.MAX_TEXT)
    if alt != image.alt:
        with desk.store.write() as conn:
            images.set_alt(conn, desk.account_id, image.id, alt)
    st.code(desk.settings.base_url + image.path, language=None)
    with st.popover(words.t("Throw away"), icon=":material/delete:", key=f"ask_image_{image.id}"):
        st.write(words.t("Mails that show it, also those that were sent, show its words from now on."))
        if st.button(words.t("Throw this picture away"), type="primary", key=f"remove_image_{image.id}"):
            with desk.store.write() as conn:
                images.remove(conn, desk.settings, desk.account_id, image.id)
            st.rerun()


def brand_kit(desk: Desk) -> None:
    """Colours, font and logo, which the editor offers first."""
    words = desk.words
    with desk.store.read() as conn:
        brand = brands.of_account(conn, desk.account_id)
        known: dict[int, LibraryImage] = {image.id: image for image in images.listed(conn, desk.account_id)}
    if brand.logo is not None:
        known.setdefault(brand.logo.id, brand.logo)
    with st.form("brand"), boundary(words):
        with st.container(horizontal=True):
            text = st.color_picker(words.t("Text"), brand.text_colour, key="brand_text")
            button = st.color_picker(words.t("Buttons"), brand.button_colour, key="brand_button")
            links = st.color_picker(words.t("Links"), brand.link_colour, key="brand_link")
        st.caption(words.t("Palette"))
        with st.container(horizontal=True):
            palette = [
                st.color_picker(
                    words.t("Colour %(number)s", number=number + 1),
                    brand.colours[number] if number < len(brand.colours) else "#FFFFFF", key=f"brand_colour_{number}",
                )
                for number in range(MAX_COLOURS)
            ]  # fmt: skip
        fonts = list(dict.fromkeys([*FONTS, *([brand.font] if brand.font else [])]))
        font = st.selectbox(
            words.t("Font"), fonts, index=fonts.index(brand.font) if brand.font in fonts else 0, key="brand_font",
            help=words.t("Mail readers show only fonts that are on the machine."),
        )  # fmt: skip
        logos = [0, *known]
        logo = st.selectbox(
            words.t("Logo"), logos, index=logos.index(brand.logo.id) if brand.logo else 0, key="brand_logo",
            format_func=lambda number: known[number].name if number else words.t("none"),
        )  # fmt: skip
        if st.form_submit_button(words.t("Save the brand kit"), type="primary"):
            colours = tuple(dict.fromkeys(palette))
            with desk.store.write() as conn:
                brands.set_brand(conn, desk.account_id, Brand(colours, text, button, links, font, known.get(logo)))
            st.rerun()
