"""The form of an import: a file, what was understood of it, the questions that only a person can answer, the button."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboards import contact_import, import_columns, import_result
from dashboards.contact_import import Job
from dashboards.shell import Desk, live, say
from dashboards.words import NOTHING, Words, plain
from sillage.ingest import ImportOptions, Inspection, with_memory
from sillage.ingest.options import Wins
from sillage.store.merging import Mode

JOB = "import_job"
TRIED = "import_tried"
SEEN = "import_seen"
QUESTIONS = {"date_order": "are dates written day first or month first?"}
MODES = {
    Mode.ADD: "add new people, leave the others as they are",
    Mode.UPDATE: "update those who are there, add nobody",
    Mode.ADD_AND_UPDATE: "add new people and update the others",
    Mode.TAKE_OUT: "take people out of a group",
}
WINS = {Wins.FIRST: "the first wins", Wins.LAST: "the last wins"}
_UPDATES = (
    "Where the file and a contact differ, the file wins; an empty cell changes nothing; who left is not brought back."
)
CONFLICTS = {
    Mode.ADD: "Where the file and a contact differ, the contact stays as it is; who left is not brought back.",
    Mode.UPDATE: _UPDATES,
    Mode.ADD_AND_UPDATE: _UPDATES,
    Mode.TAKE_OUT: "Members of the group leave it; they stay contacts, with all that is known of them.",
}


def question(words: Words, code: str) -> str:
    """A question of a file, in words."""
    return words.t(QUESTIONS[code]) if code in QUESTIONS else code


def draw(desk: Desk) -> None:
    """The running import, or the form."""
    job: Job | None = st.session_state.get(JOB)
    if job is not None:
        if job.is_over:
            if st.session_state.get(SEEN) is not job:
                # New contacts and groups are offered at once, here and on every other page.
                st.session_state[SEEN] = job
                st.cache_data.clear()
                st.rerun()
            _result(desk, job)
        else:
            live(_progress, desk, every=0.5)
        return
    words = desk.words
    upload = st.file_uploader(
        words.t("CSV, TSV, XLSX, XLS, XLSB, ODS or Parquet"),
        type=["csv", "tsv", "txt", "xlsx", "xlsb", "xls", "ods", "parquet"],
        key="contact_file",
    )
    if upload is not None:
        _ask(desk, upload)


def _ask(desk: Desk, upload: UploadedFile) -> None:
    words = desk.words
    mapping, types = import_columns.said_of(upload.file_id)
    order = st.session_state.get("date_order")
    how = _how(words)
    said = {**_declaration(words), **how, "mapping": mapping, "fields": types, "date_order": order}
    options = ImportOptions.read(said)
    asked = with_memory(desk.store, desk.account_id, options)
    found, rows = contact_import.look(upload.file_id, upload.name, upload.getvalue(), asked.model_dump_json())
    if found.error:
        st.error(f"{words.t('This file can not be imported.')}\n\n{plain(found.message)}", icon=":material/block:")
        return
    _understood(words, found)
    import_columns.first_rows(words, found, rows)
    import_columns.columns(desk, upload.file_id, found)
    if "date_order" in found.questions or order:
        columns = words.both(map(plain, found.open_columns)) if found.open_columns else NOTHING
        st.segmented_control(
            words.t("Dates in %(columns)s can be read in two ways. Which one is it?", columns=columns), ["dmy", "mdy"],
            key="date_order",
            format_func=lambda o: words.t({"dmy": "day first: 31/12/2026", "mdy": "month first: 12/31/2026"}[o]),
        )  # fmt: skip
    takes_out = how["mode"] is Mode.TAKE_OUT
    group = st.text_input(
        words.t("Take them out of the group") if takes_out else words.t("Put them into the group"), key="import_group",
        help=None if takes_out else words.t("Made if it is new."),
    ).strip() or None  # fmt: skip
    is_open = bool(found.questions)
    if is_open:
        st.warning(words.t("Answer the question first: nothing is imported before."), icon=":material/help:")
    elif takes_out and group is None:
        st.info(words.t("Name the group that these people leave. Nobody is erased."), icon=":material/group_remove:")
        is_open = True
    _buttons(desk, upload, options, group, found.rows, is_open=is_open)


def _how(words: Words) -> dict[str, Any]:
    """What the import may do, and what wins where the file and we, or two of its rows, differ."""
    left, right = st.columns(2)
    mode = left.selectbox(
        words.t("What the import does"), list(Mode), index=list(Mode).index(Mode.ADD_AND_UPDATE), key="import_mode",
        format_func=lambda m: words.t(MODES[m]),
    )  # fmt: skip
    wins = right.segmented_control(
        words.t("Of two rows with one address"), list(Wins), default=Wins.FIRST, required=True, key="import_wins",
        format_func=lambda w: words.t(WINS[w]),
    )  # fmt: skip
    st.caption(words.t(CONFLICTS[mode]))
    return {"mode": mode, "wins": wins or Wins.FIRST}


def _buttons(
    desk: Desk, upload: UploadedFile, options: ImportOptions, group: str | None, rows: int, *, is_open: bool
) -> None:
    """The dry run and its counts, and the import itself."""
    words = desk.words
    key = (upload.file_id, options.model_dump_json(), group)
    with st.container(horizontal=True):
        tries = st.button(
            words.t("Try it out: nothing is stored"), disabled=is_open, key="import_try", icon=":material/science:"
        )
        label = words.n("Import %(count)s row", "Import %(count)s rows", rows)
        starts = st.button(label, type="primary", disabled=is_open, key="import_start", icon=":material/upload:")
    if starts:
        st.session_state[JOB] = contact_import.start(desk, upload.name, upload.getvalue(), options, group)
        st.rerun()
    if tries:
        with st.spinner(words.t("Counting")):
            report = contact_import.try_out(desk, upload.name, upload.getvalue(), options, group)
        st.session_state[TRIED] = (key, report)
    tried = st.session_state.get(TRIED)
    if tried is not None and tried[0] == key:
        st.markdown(f"**{words.t('What would happen')}**")
        import_result.counts(words, tried[1], is_dry=True)


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


def _progress(desk: Desk) -> None:
    job: Job | None = st.session_state.get(JOB)
    if job is None or job.is_over:
        st.rerun(scope="app")
        return
    st.progress(min(job.done / job.total, 1.0) if job.total else 0.0, contact_import.progress_text(desk.words, job))
    if st.button(
        desk.words.t("Cancel: nothing of it stays"), key="import_cancel", icon=":material/cancel:",
        disabled=job.wants_to_stop,
    ):  # fmt: skip
        job.wants_to_stop = True
        st.rerun(scope="fragment")


def _result(desk: Desk, job: Job) -> None:
    words, report = desk.words, job.report
    if job.error is not None:
        say(job.error, words)
    elif job.failed:
        st.error(
            words.t("%(file)s could not be imported; the log of the pages says why.", file=plain(job.file_name)),
            icon=":material/error:",
        )
    elif job.was_cancelled:
        st.info(words.t("%(file)s was cancelled: everything is as it was before.", file=plain(job.file_name)),
                icon=":material/undo:")  # fmt: skip
    elif report is not None and report.questions:
        asked = words.both(question(words, code) for code in report.questions)
        st.warning(words.t("%(file)s is parked: %(asked)s", file=plain(job.file_name), asked=asked))
    elif report is not None:
        st.success(words.t("%(file)s is imported.", file=plain(job.file_name)), icon=":material/check_circle:")
        import_result.counts(words, report, is_dry=False)
    if st.button(words.t("Import another file"), key="import_again"):
        del st.session_state[JOB]
        st.session_state.pop(TRIED, None)
        st.cache_data.clear()
        st.rerun()
