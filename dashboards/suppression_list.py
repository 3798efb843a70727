"""Who gets nothing of an account: how many, the newest, one by one, and as files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from dashboards import figures, terms
from dashboards.shell import Desk, boundary
from dashboards.words import plain
from sillage.errors import BadInput
from sillage.ingest import suppression_file
from sillage.store import suppressions

SHOWN = 50


def draw(desk: Desk) -> None:
    """The list, and what may be done to it."""
    words = desk.words
    with desk.store.read() as conn:
        size = suppressions.size(conn, desk.account_id)
        reasons = suppressions.by_reason(conn, desk.account_id)
        found = suppressions.listed(conn, desk.account_id, limit=SHOWN)
    left, right = st.columns(2)
    with left:
        said = [f"{terms.term(words, terms.REASONS, why)}: {words.number(n)}" for why, n in sorted(reasons.items())]
        caption = " · ".join(said) or words.t("nobody")
        figures.count_tile(words, words.t("Suppressed addresses"), size.addresses, caption=caption)
    with right:
        caption = words.t("each for itself, not what is below it")
        figures.count_tile(words, words.t("Suppressed domains"), size.domains, caption=caption)
    _change(desk)
    if found:
        figures.table(
            [words.t(h) for h in ("Address or domain", "Reason", "Since")],
            [
                [
                    plain(one.domain or one.email or words.t("somebody who is no contact any more")),
                    terms.term(words, terms.REASONS, one.reason),
                    words.minute(one.created_at),
                ]
                for one in found
            ],
            left=3,
        )  # fmt: skip


def _change(desk: Desk) -> None:
    words, secret = desk.words, desk.settings.secret.get_secret_value()
    with st.form("suppress", clear_on_submit=True), boundary(words):
        what = st.text_input(words.t("Address or domain"), key="suppress_what")
        stop, give_back = st.columns(2)
        stops = stop.form_submit_button(words.t("Send nothing there"), type="primary", width="stretch")
        frees = give_back.form_submit_button(words.t("Take off the list"), width="stretch")
        if (stops or frees) and not what.strip():
            raise BadInput(words.t("Name an address or a domain."), code="empty", field="address")
        if stops or frees:
            one = suppression_file.entry_of(what, secret)
            with desk.store.write() as conn:
                if stops:
                    suppressions.add(
                        conn, desk.account_id, channel="email", now=desk.now(),
                        addresses=[(one.address_hash, one.reason)] if one.address_hash else [],
                        domains=[one.domain] if one.domain else [],
                    )  # fmt: skip
                elif one.address_hash is not None:
                    suppressions.remove_address(conn, desk.account_id, "email", one.address_hash)
                else:
                    suppressions.remove_domain(conn, desk.account_id, one.domain or "")
            st.rerun()
    _files(desk)


def _files(desk: Desk) -> None:
    words = desk.words
    given = st.file_uploader(words.t("Add all of a file"), ["csv", "tsv", "txt", "xlsx"], key="suppress_file")
    if given is not None and st.button(words.t("Add these to the list"), key="suppress_import"):
        with boundary(words), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list"
            path.write_bytes(given.getvalue())
            report = suppression_file.read_file(desk.store, desk.settings, desk.account_id, path)
            st.success(
                words.t(
                    "%(added)s are new on the list, %(refused)s rows were not understood.",
                    added=words.number(report.added), refused=words.number(report.refused_count),
                )
            )  # fmt: skip
    if st.button(words.t("Prepare the list as a file"), key="suppress_prepare", icon=":material/description:"):
        with desk.store.read() as conn:
            text = suppression_file.as_csv(suppressions.listed(conn, desk.account_id))
        st.download_button(
            words.t("Download the list (CSV)"), text.encode("utf-8-sig"), file_name="suppressed.csv", mime="text/csv",
            key="suppress_export", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
