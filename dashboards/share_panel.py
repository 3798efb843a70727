"""The Share action of a campaign: its public version, how it shows itself, and the dialogs of the networks."""

from __future__ import annotations

import streamlit as st

from dashboards import queries, share_part
from dashboards.mail_editor import thumbnail
from dashboards.own_pictures import with_own_pictures
from dashboards.shell import Desk, boundary
from sillage import picture
from sillage.campaign import public_version
from sillage.content.images import picture_of
from sillage.domain.ids import CampaignId, VariantId
from sillage.domain.sharing import Network, dialog, public_address
from sillage.store import images, public_versions
from sillage.store.images import LibraryImage
from sillage.store.public_versions import MAX_DESCRIPTION, MAX_TITLE, PublicVersion

ICONS = {
    Network.FACEBOOK: ":material/thumb_up:", Network.LINKEDIN: ":material/work:", Network.X: ":material/tag:",
    Network.WHATSAPP: ":material/chat:", Network.EMAIL: ":material/mail:",
}  # fmt: skip
CHANGED = "share_face_changed"
WIDTH, HEIGHT = 1200, 630
"""What networks show whole (1.91 : 1)."""
_ZOOM = f"<style>html{{zoom:{WIDTH // 600}}}</style>"
"""The mail's own width fills the picture."""


def action(desk: Desk, campaign_id: CampaignId) -> None:
    """The button, and what it opens."""
    words = desk.words
    with st.popover(words.t("Share"), icon=":material/share:", key="share"), boundary(words):
        with desk.store.read() as conn:
            held = public_versions.of_campaign(conn, desk.account_id, campaign_id)
        if held is None or not held.is_on:
            _offer(desk, campaign_id, was_public=held is not None)
            return
        _post(desk, held)
        was_changed = bool(st.session_state.get(CHANGED))
        with st.expander(words.t("How it shows itself"), expanded=was_changed, icon=":material/tune:"):
            _face(desk, held)
        if st.button(
            words.t("Show it to nobody any more"), icon=":material/visibility_off:", key="share_off",
            help=words.t("Whoever has the address is told that it is gone. You can show it again."),
        ):  # fmt: skip
            with desk.store.write() as conn:
                public_versions.switch(conn, desk.account_id, campaign_id, is_on=False)
            st.rerun()


def _offer(desk: Desk, campaign_id: CampaignId, *, was_public: bool) -> None:
    words = desk.words
    st.markdown(
        words.t("Everybody who has its address will see this message, on a page that nobody can guess. Names and other"
                " fields of your contacts are not on it, and no link that is somebody's own.")
    )  # fmt: skip
    label = words.t("Show it again, at the same address") if was_public else words.t("Make it public")
    if st.button(label, type="primary", icon=":material/public:", key="share_on"):
        with desk.store.write() as conn:
            public_version.begin(conn, desk.account_id, campaign_id, now=desk.now())
        st.rerun()


def _post(desk: Desk, held: PublicVersion) -> None:
    """The dialogs of the networks, in which the account posts as whoever is signed in there."""
    words, base = desk.words, desk.settings.base_url
    st.markdown(f"**{words.t('Post it')}**")
    with st.container(horizontal=True):
        for network in Network:
            address = public_address(base, held.key, network)
            st.link_button(
                share_part.network_name(words, network), dialog(network, address, held.title), icon=ICONS[network]
            )
    st.caption(words.t("Each opens the network's own window, in which you post from your own account."))
    st.code(public_address(base, held.key), language=None)
    st.link_button(
        words.t("See the public version"), public_address(base, held.key), icon=":material/open_in_new:",
        type="tertiary",
    )  # fmt: skip


def _face(desk: Desk, held: PublicVersion) -> None:
    words, known = desk.words, queries.variants(desk, held.campaign_id)
    with desk.store.read() as conn:
        library = {image.id: image for image in images.listed(conn, desk.account_id)}
    if held.image is not None:
        library.setdefault(held.image.id, held.image)
        st.image(thumbnail(desk, held.image), alt=held.image.alt or held.image.name, width=240)
    if picture.browser() is not None and st.button(
        words.t("Take a picture of the mail"), icon=":material/photo_camera:", key="share_picture"
    ):
        with st.spinner(words.t("Taking pictures")):
            taken = _picture(desk, held)
        _change(desk, held, image_id=taken.id)
    with st.form("share_face", border=False):
        title = st.text_input(words.t("Title"), held.title, max_chars=MAX_TITLE, key=f"share_title_{held.campaign_id}")
        description = st.text_area(
            words.t("Description"), held.description, max_chars=MAX_DESCRIPTION, height=80,
            key=f"share_description_{held.campaign_id}",
        )  # fmt: skip
        choices = [0, *library]
        image = st.selectbox(
            words.t("Picture"), choices, index=choices.index(held.image.id) if held.image else 0,
            format_func=lambda number: name_of(library[number]) if number else words.t("none"),
            key=f"share_image_{held.campaign_id}_{held.image.id if held.image else 0}",
        )  # fmt: skip
        variant = held.variant_id
        if len(known) > 1:
            variant = VariantId(st.selectbox(
                words.t("Version that is shown"), list(known), index=list(known).index(held.variant_id),
                format_func=lambda number: known[number][0].name, key=f"share_variant_{held.campaign_id}",
            ))  # fmt: skip
        is_listed = st.checkbox(
            words.t("Search engines may list it"), held.is_listed, key=f"share_listed_{held.campaign_id}"
        )
        if st.form_submit_button(words.t("Save"), type="primary"):
            _change(desk, held, variant_id=variant, title=title, description=description, image_id=image or None,
                    is_listed=is_listed)  # fmt: skip


def name_of(image: LibraryImage) -> str:
    """A picture as a list names it."""
    return image.alt or image.name


def _change(
    desk: Desk, held: PublicVersion, *, image_id: int | None, variant_id: VariantId | None = None,
    title: str | None = None, description: str | None = None, is_listed: bool | None = None,
) -> None:  # fmt: skip
    with desk.store.write() as conn:
        public_versions.change(
            conn, desk.account_id, held.campaign_id, variant_id=variant_id or held.variant_id, image_id=image_id,
            title=held.title if title is None else title,
            description=held.description if description is None else description,
            is_listed=held.is_listed if is_listed is None else is_listed,
        )  # fmt: skip
    # What was changed stays in sight.
    st.session_state[CHANGED] = True
    st.rerun()


def _picture(desk: Desk, held: PublicVersion) -> LibraryImage:
    """What the mail looks like at its top, as a picture of the library.

    Raises: TransientError where there is no browser; BadInput where it can't be compiled.
    """
    with desk.store.read() as conn:
        page = public_version.render(conn, desk.settings, held, is_bare=True)
    page = with_own_pictures(desk, page).replace("</head>", f"{_ZOOM}</head>", 1)
    taken = picture_of(picture.picture_of_page(_still(page), width=WIDTH, height=HEIGHT), held.title)
    with desk.store.write() as conn:
        return images.keep(conn, desk.settings, desk.account_id, held.title, taken, alt=held.title, now=desk.now())


def _still(page: str) -> str:
    """Nothing in it runs, and nothing is fetched, while its picture is taken."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    at = page.lower().find("<head")
    end = page.find(">", at) + 1 if at >= 0 else 0
    return page[:end] + meta + page[end:]
