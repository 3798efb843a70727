"""Tells of what a template put into a mail to be replaced, while there is still time."""

from __future__ import annotations

import streamlit as st

from dashboards.shell import Desk
from sillage.content.message import Source
from sillage.content.samples import library_keys, samples_in
from sillage.store import images


def tell(desk: Desk, source: Source, *, version: str = "") -> bool:
    """Say what is left of the samples, of one version where there are several; whether anything is."""
    words = desk.words
    with desk.store.read() as conn:
        found = samples_in(source, images.digests_of(conn, desk.account_id, library_keys(source.body)))
    if not found.are_left:
        return False
    parts = []
    if found.pictures:
        parts.append(
            words.n(
                "%(count)s sample picture of the template is still in it.",
                "%(count)s sample pictures of the template are still in it.",
                found.pictures,
            )
        )
    if found.links:
        parts.append(
            words.n(
                "%(count)s link still leads to example.com, which is nobody's site.",
                "%(count)s links still lead to example.com, which is nobody's site.",
                found.links,
            )
        )
    named = [words.t("Version %(name)s", name=version) + ":"] if version else []
    st.warning(" ".join([*named, *parts]), icon=":material/imagesmode:")
    return True
