"""Images: the pictures of the account's mails."""

from __future__ import annotations

import streamlit as st

from dashboards import image_library
from dashboards.shell import Desk, show


def images_page(desk: Desk) -> None:
    """Take in, then look through."""
    words = desk.words
    st.title(words.t("Images"))
    st.caption(
        words.t("Pictures of your mails. Each is made small for mail, and cleaned of where and when it was taken.")
    )
    image_library.take_in(desk)
    image_library.library(desk)


show(images_page)
