"""The form of an import: a file, what was understood of it, the questions that only a person can answer, the button."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboards import contact_import, figures
from dashboards.contact_import import Job
from dashboards.shell import Desk, live, say
from dashboards.words import NOTHING, Words, plain
from sillage.ingest import ImportOptions, ImportReport, Inspection
from sillage.ingest.mapping import FIELDS

JOB = "import_job"
OWN, LEFT_OUT = "", "-"
MAX_COLUMNS_SHOWN = 60
QUESTIONS = {"date_order": "are dates written day first or month first?"}
COLUMN_FIELDS = {
    "email": "e-mail address",
    "phone": "phone",
    "first_name": "first name",
    "last_name": "last name",
    "company": "company",
    "country": "country",
    "city": "city",
    "postcode": "postcode",
    "language": "language",
    "birthday": "birthday",
    "marketing_consent": "consent to marketing",
    "subscription": "state of the subscription",
    "unsubscribed": "unsubscribed",
    "consent_at": "time of the consent",
    "consent_source": "source of the consent",
    "consent_ip": "IP of the consent",
    "tracking_consent": "consent to being measured",
}


def question(words: Words, code: str) -> str:
    """A question of a file, in words."""
    return words.t(QUESTIONS[code]) if code in QUESTIONS else code


def draw(desk: Desk) -> None:
    """The running import, or the form."""
    job: Job | None = st.session_state.get(JOB)
    if job is not None:
        if job.is_over:
            _result(desk, job)
        else:
            live(_progress, desk, every=0.5)
        return
    words = desk.words
    upload = st.file_uploader(
        words.t("CSV, TSV or XLSX"),
        type=["csv", "tsv", "txt", "xlsx", "xlsb", "xls", "ods", "parquet"],
        key="contact_file",
    )
    if upload is not None:
        _ask(desk, upload)


def _ask(desk: Desk, upload: UploadedFile) -> None:
    words = desk.words
    declared = _declaration(words)
    mapping: dict[str, str] = st.session_state.get(f"mapping_{upload.file_id}", {})
    order = st.session_state.get("date_order")
    options = ImportOptions.read({**declared, "mapping": mapping, "date_order": order})
    found = contact_import.look(upload.file_id, upload.name, upload.getvalue(), options.model_dump_json())
    if found.error:
        st.error(f"{words.t('This file can not be imported.')}\n\n{plain(found.message)}", icon=":material/block:")
        return
    _understood(words, found)
    _mapping(words, upload.file_id, found, mapping)
    if "date_order" in found.questions or order:
        columns = words.both(map(plain, found.open_columns)) if found.open_columns else NOTHING
        st.segmented_control(
            words.t("Dates in %(columns)s can be read in two ways. Which one is it?", columns=columns), ["dmy", "mdy"],
            key="date_order",
            format_func=lambda o: words.t({"dmy": "day first: 31/12/2026", "mdy": "month first: 12/31/2026"}[o]),
        )  # fmt: skip
    group = st.text_input(words.t("Put them into the group"), key="import_group", help=words.t("Made if it is new."))
    open_now = bool(found.questions)
    if open_now:
        st.warning(words.t("Answer the question first: nothing is imported before."), icon=":material/help:")
    label = words.n("Import %(count)s row", "Import %(count)s rows", found.rows)
    if st.button(label, type="primary", disabled=open_now, key="import_start", icon=":material/upload:"):
        st.session_state[JOB] = contact_import.start(
            desk, upload.name, upload.getvalue(), options, group.strip() or None
        )
        st.rerun()


def _declaration(words: Words) -> dict[str, str]:
    """A consent declared for the whole file: by whom and in which words; kept with each contact as its proof."""
    with st.expander(words.t("These people agreed to get marketing: declare it for the whole file")):
        st.caption(
            words.t("Only where the file itself does not say it. Without consent, contacts are kept and not mailed.")
        )
        who = st.text_input(words.t("Declared by"), key="declared_by")
        wording = st.text_area(words.t("The words that they agreed to"), key="declared_wording", height=80)
    if bool(who.strip()) != bool(wording.strip()):
        st.warning(words.t("A declaration needs both: by whom, and in which words."), icon=":material/warning:")
        return {}
    return {"consent_declared_by": who.strip(), "consent_wording": wording.strip()}


def _understood(words: Words, found: Inspection) -> None:
    parts = [words.n("%(count)s row", "%(count)s rows", found.rows), words.t("%(n)s columns", n=len(found.columns))]
    if found.encoding:
        parts.append(words.t("encoding %(name)s", name=found.encoding))
    if found.separator:
        name = {"\t": words.t("tab")}.get(found.separator, found.separator)
        parts.append(words.t("separated by %(sign)s", sign=plain(name)))
    if found.sheet:
        parts.append(words.t("sheet %(name)s", name=plain(found.sheet)))
    st.markdown(" · ".join(parts))
    for warning in found.warnings:
        st.caption(words.t("Mind: %(warning)s", warning=plain(warning)))


def _mapping(words: Words, file_id: str, found: Inspection, mapping: dict[str, str]) -> None:
    with st.expander(words.t("What the columns mean"), expanded=False):
        for column in found.columns[:MAX_COLUMNS_SHOWN]:
            held = mapping.get(column, found.mapping.get(column, OWN))
            options = [OWN, LEFT_OUT, *FIELDS]
            chosen = st.selectbox(
                plain(column), options, index=options.index(held), key=f"column_{file_id}_{column}",
                format_func=lambda f: _field(words, f),
            )  # fmt: skip
            if chosen != held and chosen:
                st.session_state[f"mapping_{file_id}"] = {**mapping, column: chosen}
                st.rerun()


def _field(words: Words, field: str) -> str:
    if field == OWN:
        return words.t("a field of its own")
    return words.t("left out") if field == LEFT_OUT else words.t(COLUMN_FIELDS.get(field, field))


def _progress(desk: Desk) -> None:
    job: Job | None = st.session_state.get(JOB)
    if job is None or job.is_over:
        st.rerun(scope="app")
        return
    st.progress(min(job.done / job.total, 1.0) if job.total else 0.0, contact_import.progress_text(desk.words, job))


def _result(desk: Desk, job: Job) -> None:
    words, report = desk.words, job.report
    if job.error is not None:
        say(job.error, words)
    elif job.failed:
        st.error(
            words.t("%(file)s could not be imported; the log of the pages says why.", file=plain(job.file_name)),
            icon=":material/error:",
        )
    elif report is not None and report.questions:
        asked = words.both(question(words, code) for code in report.questions)
        st.warning(words.t("%(file)s is parked: %(asked)s", file=plain(job.file_name), asked=asked))
    elif report is not None:
        _counts(words, job, report)
    if st.button(words.t("Import another file"), key="import_again"):
        del st.session_state[JOB]
        st.cache_data.clear()
        st.rerun()


def _counts(words: Words, job: Job, report: ImportReport) -> None:
    st.success(words.t("%(file)s is imported.", file=plain(job.file_name)), icon=":material/check_circle:")
    counts = report.counts
    tiles = (
        (words.t("Accepted"), report.accepted, words.t("%(new)s new, %(updated)s updated, %(same)s unchanged",
         new=words.number(counts.new), updated=words.number(counts.updated), same=words.number(counts.unchanged))),
        (words.t("Mailable"), counts.mailable, words.t("agreed to marketing, and may be mailed")),
        (words.t("Refused"), report.refused_count, words.t("each row with its reason in the file below")),
        (words.t("Kept out"), counts.kept_out, words.t("unsubscribed, complained or erased before")),
    )  # fmt: skip
    for column, (label, value, caption) in zip(st.columns(len(tiles)), tiles, strict=True):
        with column:
            figures.count_tile(words, label, value, caption=caption)
    if report.refused_path is not None and report.refused_path.is_file():
        st.download_button(
            words.t("Refused rows (CSV)"), report.refused_path.read_bytes(), file_name="refused.csv", mime="text/csv",
            key="refused_now", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
