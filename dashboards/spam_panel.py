"""The anti-spam test on the form of a campaign: the score of each version, its parts, what to change, and "fix it"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards.shell import Desk
from dashboards.words import plain
from sillage.campaign.create import VariantSpec
from sillage.campaign.spam_test import spam_test
from sillage.content.spam import Finding, SpamScore
from sillage.content.spam_fix import Draft, can_fix, fix
from sillage.domain.campaign import MessageKind
from sillage.errors import BadInput
from sillage.store.campaigns import Sender

CLOSE = 3.0
"""From here on a filter that is stricter than the default may put the mail aside."""

_SEEN = 80


def spam_panel(desk: Desk, kind: MessageKind, sender: Sender, versions: Sequence[Mapping[str, Any]]) -> None:
    """One block for each version that has a subject and a content that compiles."""
    words = desk.words
    st.subheader(words.t("Anti-spam test"))
    st.caption(words.t("On SpamAssassin's scale: lower is better, and 5 is spam. Each point says how to lose it."))
    for version in versions:
        if not version["subject"].strip():
            st.caption(words.t("Write a subject, and the test begins."))
            continue
        try:
            source = VariantSpec.model_validate(dict(version)).source
            found = spam_test(desk.settings, desk.account, sender, kind, source)
        except BadInput as exc:
            st.caption(words.t("The test waits until the content compiles: %(fault)s", fault=plain(str(exc))))
            continue
        _version(desk, str(version["name"]), found, alone=len(versions) == 1)


def _version(desk: Desk, name: str, found: SpamScore, *, alone: bool) -> None:
    words = desk.words
    label = words.t("Score") if alone else words.t("Score of version %(name)s", name=name)
    st.metric(label, words.t("%(score)s of 5", score=words.decimal(found.score)))
    if found.is_spam:
        st.error(words.t("Filters will take it for spam. Change what weighs most."), icon=":material/report:")
    elif found.score >= CLOSE:
        st.warning(words.t("Strict filters may take it for spam."), icon=":material/warning:")
    else:
        st.success(words.t("Filters have little against it."), icon=":material/check_circle:")
    for part in found.findings:
        _part(desk, name, part)


def _part(desk: Desk, name: str, part: Finding) -> None:
    words = desk.words
    seen = f" · {plain(', '.join(part.found)[:_SEEN])}" if part.found else ""
    st.markdown(f"**+{words.decimal(part.points)}** {words.t(part.advice)}{seen}")
    if can_fix(part.fix):
        st.button(
            words.t("Fix it"), key=f"fix_{name}_{part.rule}", on_click=partial(_fix, str(part.fix), name),
            icon=":material/auto_fix_high:",
        )  # fmt: skip


def _fix(change: str, name: str) -> None:
    """Change what the form holds, before it is drawn again."""
    held = st.session_state
    changed = fix(change, Draft(held[f"subject_{name}"], held[f"source_{name}"]))
    held[f"subject_{name}"], held[f"source_{name}"] = changed.subject, changed.body
