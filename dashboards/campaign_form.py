"""The content part of the form: each version of the message as the plain data that `parse_spec` reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import streamlit as st
from pydantic import ValidationError

from dashboards import ab_form, sample_check, trial_send
from dashboards.field_defaults import defaults
from dashboards.shell import ASSETS, Desk, link
from sillage.campaign.create import VariantSpec
from sillage.campaign.trial_send import Version
from sillage.content.intake import text_of
from sillage.content.message import Source
from sillage.domain.campaign import MessageKind, SourceKind
from sillage.store.campaigns import Sender

MJML, HTML = "MJML", "HTML"
NOW, LATER, DRAFT = "now", "later", "draft"
STARTER = (ASSETS / "starter.mjml").read_text("utf-8")


def contents(desk: Desk) -> list[dict[str, Any]]:
    """The message, in one to five versions."""
    return ab_form.versions(desk, _content)


def _content(desk: Desk, name: str) -> dict[str, Any]:
    words = desk.words
    subject = st.text_input(
        words.t("Subject"), key=f"subject_{name}",
        help=words.t("Merge fields stand in double braces, with a default: {{ first_name | default: 'friend' }}"),
    )  # fmt: skip
    preheader = st.text_input(
        words.t("Preheader"), key=f"preheader_{name}", help=words.t("What the inbox shows behind the subject.")
    )
    st.session_state.setdefault(f"language_{name}", MJML)
    language = st.segmented_control(words.t("Written in"), [MJML, HTML], required=True, key=f"language_{name}") or MJML
    upload = st.file_uploader(
        words.t("Take it from a file"), type=["mjml", "html", "htm"], key=f"upload_{name}", max_upload_size=1
    )
    held = f"source_{name}"
    if upload is not None and st.session_state.get(f"taken_{name}") != upload.file_id:
        st.session_state[f"taken_{name}"] = upload.file_id
        st.session_state[held] = text_of(upload.getvalue(), upload.name)
    st.session_state.setdefault(held, STARTER)
    source = st.text_area(words.t("Content"), key=held, height=320)
    shown = [{"path": f.name, "cid": f.cid, "content": f.content} for f in st.session_state.get(f"files_{name}", ())]
    if shown:
        st.caption(
            words.n(
                "%(count)s picture of the template goes with it.",
                "%(count)s pictures of the template go with it.",
                len(shown),
            )
        )
    empty = defaults(desk, name, Source(SourceKind(language.lower()), source, subject, preheader))
    return {
        "name": name, "subject": subject, "preheader": preheader, language.lower(): source, "files": shown,
        "defaults": empty,
    }  # fmt: skip


def button_label(desk: Desk, when: str, count: int) -> str:
    """What the last button does."""
    words = desk.words
    if when == DRAFT:
        return words.t("Save as a draft")
    if desk.account.needs_approval:
        return words.n("Ask for approval: %(count)s person", "Ask for approval: %(count)s people", count)
    if when == NOW:
        return words.n("Send to %(count)s person", "Send to %(count)s people", count)
    return words.n("Schedule for %(count)s person", "Schedule for %(count)s people", count)


def trial(desk: Desk, kind: MessageKind, sender: Sender, parts: Sequence[Mapping[str, Any]]) -> None:
    """A test of what the form holds, to colleagues."""

    def versions(chosen: Sender) -> list[Version]:
        whole = [VariantSpec.model_validate(dict(part)) for part in parts]
        return [Version(v.name, chosen, v.source) for v in whole]

    trial_send.popover(desk, "form", kind, versions, sender=sender)


def spec(
    *,
    name: str,
    kind: str,
    sender: Sender,
    include: list[str],
    exclude: list[str],
    variants: Sequence[Mapping[str, Any]],
    test: Mapping[str, Any] | None = None,
) -> dict[str, object]:
    """A campaign as plain data, in the shape of campaign.toml."""
    return {
        "name": name.strip(),
        "kind": kind,
        "sender": {"name": sender.name, "email": sender.email, "reply_to": sender.reply_to},
        "include": include,
        "exclude": exclude,
        "variants": [dict(variant) for variant in variants],
        "test": dict(test) if test is not None else None,
    }


def tell_of_samples(desk: Desk, parts: Sequence[Mapping[str, Any]]) -> None:
    """What is left of a template's samples, beside the button that sends it."""
    for part in parts:
        with suppress(ValidationError):
            # A version that is not whole yet says so elsewhere.
            source = VariantSpec.model_validate(dict(part)).source
            sample_check.tell(desk, source, version=str(part["name"]) if len(parts) > 1 else "")


def leaving_time(desk: Desk) -> datetime:
    """When it leaves, as the clock shows it where the account is."""
    here = desk.words.here(desk.now())
    st.session_state.setdefault("at", here.replace(tzinfo=None))
    chosen = st.datetime_input(
        desk.words.t("Leaves at (%(zone)s)", zone=desk.account.timezone), key="at", format="DD/MM/YYYY"
    )
    return (chosen or here).replace(tzinfo=here.tzinfo)


def missing(desk: Desk, *, has_senders: bool, has_segments: bool) -> None:
    """What has to be there first, and the way to it."""
    words = desk.words
    if not has_senders:
        st.info(words.t("A campaign needs a sender, and there is none yet."), icon=":material/badge:")
        link(words.t("Add a sender"), "account")
    if not has_segments:
        st.info(words.t("A campaign goes to segments, and there is none yet."), icon=":material/filter_alt:")
        link(words.t("Make a segment"), "segments")
