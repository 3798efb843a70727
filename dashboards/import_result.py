"""What an import did or would do, in counts: the same tiles before it is applied and after."""

from __future__ import annotations

import streamlit as st

from dashboards import figures, terms
from dashboards.words import Words
from sillage.ingest import ImportReport

REFUSED_SHOWN = 5


def counts(words: Words, report: ImportReport, *, is_dry: bool) -> None:
    """Rows by what became of them, or would."""
    found = report.counts
    kept = words.t("unsubscribed, complained or erased before")
    tiles = [
        (words.t("Accepted"), report.accepted, words.t("%(new)s new, %(updated)s updated, %(same)s unchanged",
         new=words.number(found.new), updated=words.number(found.updated), same=words.number(found.unchanged))),
        (words.t("Mailable"), found.mailable, words.t("agreed to marketing, and may be mailed")),
        (words.t("Refused"), report.refused_count, words.t("each row with its reason") if is_dry
         else words.t("each row with its reason in the file below")),
        (words.t("Kept out"), found.kept_out, kept),
    ]  # fmt: skip
    if found.unknown:
        tiles.append((words.t("No contact"), found.unknown, words.t("this import adds nobody")))
    for column, (label, value, caption) in zip(st.columns(len(tiles)), tiles, strict=True):
        with column:
            figures.count_tile(words, label, value, caption=caption)
    if found.still_out:
        st.caption(
            words.n("%(count)s person unsubscribed before: brought up to date, and still unsubscribed.",
                    "%(count)s people unsubscribed before: brought up to date, and still unsubscribed.",
                    found.still_out)
        )  # fmt: skip
    if is_dry and report.refused:
        figures.table(
            [words.t("Line"), words.t("Why it is refused"), words.t("Value")],
            [[words.number(r.row), terms.term(words, terms.REFUSALS, r.reason), terms.cell(r.value)]
             for r in report.refused[:REFUSED_SHOWN]], left=3,
        )  # fmt: skip
    if not is_dry and report.refused_path is not None and report.refused_path.is_file():
        st.download_button(
            words.t("Refused rows (CSV)"), report.refused_path.read_bytes(), file_name="refused.csv", mime="text/csv",
            key="refused_now", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
