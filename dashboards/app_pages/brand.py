"""The brand kit: how the account's mails look."""

from __future__ import annotations

import streamlit as st

from dashboards import image_library
from dashboards.shell import Desk, link, show


def brand_page(desk: Desk) -> None:
    """Colours, font, logo."""
    words = desk.words
    st.title(words.t("Brand kit"))
    st.caption(words.t("What the editor offers first, and puts into new blocks."))
    image_library.brand_kit(desk)
    link(words.t("Images"), "images", icon=":material/photo_library:")


show(brand_page)
