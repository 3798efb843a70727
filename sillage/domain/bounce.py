"""Returned mail: what kind it is, whom it speaks of, and what follows for that person.

The reading of a session's reply and of a returned mail ends in the same place, `classify`. A mail is a feedback
report, a service's notice, a delivery status notification, or plain words, and is asked in that order.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sillage.domain import bounce_text, delivery_status, json_notice
from sillage.domain.bounce_rules import PERMANENT, BounceClass, Rule, Verdict, built_in_rules
from sillage.domain.diagnostic import without_addresses
from sillage.domain.feedback import feedback_of
from sillage.domain.refusal import (
    MAX_DIAGNOSTIC,
    Kind,
    Report,
    classify,
    code_in,
    command_in,
    host_in,
    is_of_words,
    status_in,
)
from sillage.domain.returned_mail import Mail, content_type, read

__all__ = [
    "PERMANENT",
    "BounceClass",
    "Kind",
    "Report",
    "Verdict",
    "classify",
    "parse_mail",
    "parse_report",
    "without_person",
]

_TELLING_LOCAL_PART = 3


def without_person(text: str, address: str | None) -> str:
    """A server's words with every address taken out, and the local part of the one that they are about."""
    local = (address or "").partition("@")[0]
    if len(local) >= _TELLING_LOCAL_PART:
        text = re.sub(rf"(?<![\w.+-]){re.escape(local)}(?![\w+-])(?!@)", "<name>", text, flags=re.IGNORECASE)
    return without_addresses(text)


def parse_report(raw: bytes, rules: tuple[Rule, ...] | None = None) -> list[Report]:
    """What a mail that came back says, a report for each recipient; empty where it is an ordinary mail.

    Any bytes are read; none raise. `rules`: the built-in ones where none are given.
    """
    return parse_mail(read(raw), rules)


def parse_mail(mail: Mail, rules: tuple[Rule, ...] | None = None) -> list[Report]:
    """The same of a mail that was read."""
    rules = built_in_rules() if rules is None else rules
    feedback = feedback_of(mail)
    if feedback is not None:
        report = Report(Kind.COMPLAINT, feedback_type=feedback.type, original_message_id=feedback.original_message_id)
        return [replace(report, recipient=who) for who in feedback.recipients] or [report]
    if any(mail.of_type("message/disposition-notification")):
        return []
    return json_notice.reports_of(mail, rules) or delivery_status.reports_of(mail, rules) or _by_words(mail, rules)


def _by_words(mail: Mail, rules: tuple[Rule, ...]) -> list[Report]:
    """Mail without a machine's report: known by its sender, its subject and its words."""
    words = bounce_text.said_of_a_return(mail)
    if words is None:
        for kind, is_one in bounce_text.ANSWERS:
            if is_one(mail):
                return [Report(Kind(kind), bounce_text.sender(mail))]
        return []
    if (inner := _report_within(mail)) and (reports := delivery_status.reports_of(inner, rules)):
        return reports
    message_id = bounce_text.original_message_id(mail)
    found = bounce_text.recipients(mail, words)[: delivery_status.MAX_RECIPIENTS]
    return [_of_words(mail, who, words, message_id, rules) for who in found or (None,)]


def _report_within(mail: Mail) -> Mail | None:
    """The report that a gateway has wrapped into a returned mail of its own, which says less."""
    for part in mail.parts:
        if part.is_message and content_type(part.inner.get("content-type"))[0] == "multipart/report":
            return read(part.text.encode("utf-8", "replace"))
    return None


def _of_words(mail: Mail, recipient: str | None, words: str, message_id: str | None, rules: tuple[Rule, ...]) -> Report:
    near = bounce_text.about(words, recipient)
    status, code = status_in(near) or status_in(words), code_in(near) or code_in(words)
    remote = host_in(near)
    host = f"{remote} {(recipient or '').rpartition('@')[2]}"
    verdict = classify(code_in(near), status_in(near), near, host=host, command=command_in(near), rules=rules)
    if not is_of_words(verdict) and words != near:
        other = classify(None, None, words, host=host, rules=rules)
        verdict = other if is_of_words(other) else verdict
    if verdict.rule is None:
        verdict = classify(code, status, words, host=host, rules=rules)
    action = "delayed" if bounce_text.is_warning(mail, words) else None
    if action and verdict.bounce_class is not BounceClass.TRANSIENT:
        verdict = Verdict(BounceClass.TRANSIENT, "expired", verdict.rule)
    return Report(
        Kind.BOUNCE,
        recipient,
        verdict.bounce_class,
        verdict.reason,
        status,
        code,
        verdict.rule,
        near[:MAX_DIAGNOSTIC].strip() or None,
        message_id,
        action=action,
        remote_mta=remote or None,
    )
