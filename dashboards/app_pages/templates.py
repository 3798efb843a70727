"""Templates: the library in pictures, the account's own, and one of them as its readers see it: `?template=NAME`."""

from __future__ import annotations

import streamlit as st

from dashboards import template_parts
from dashboards.shell import Desk, show


def templates_page(desk: Desk) -> None:
    """The template of the address, or all of them."""
    words, language = desk.words, template_parts.language_wanted(desk)
    template_parts.use_wanted(desk)
    if asked := st.query_params.get("template"):
        template_parts.one(desk, template_parts.found(desk, asked, language), language)
        return
    st.title(words.t("Templates"))
    st.caption(words.t("Choose one, look at it, put your words in. Each shows who sends it and the ways out."))
    template_parts.gallery(desk, language)
    st.subheader(words.t("Your own templates"))
    template_parts.own(desk)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**{words.t('Save a campaign as a template')}**")
        template_parts.save_campaign(desk)
    with right:
        st.markdown(f"**{words.t('Take in a template')}**")
        template_parts.take_in(desk)


show(templates_page)
