"""Feedback reports: a mailbox provider tells that a person called a message spam (RFC 5965)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sillage.domain.returned_mail import Headers, Mail, Part, split

# RFC 5965 7.3: only the person's own word against a message counts. A virus is found by a program, `other` says
# nothing, `not-spam` is praise, and reports on authentication (RFC 6591) are about our set-up.
COMPLAINTS = frozenset({"abuse", "fraud", "opt-out"})

_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"']{1,64}@[A-Za-z0-9.-]{1,255}[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Feedback:
    """A feedback report: its type, whom it speaks of (where it says so) and the message that it is about."""

    type: str
    recipients: tuple[str, ...]
    original_message_id: str | None

    @property
    def is_complaint(self) -> bool:
        """Whether a person complained: reports on authentication and of «not spam» are none."""
        return self.type in COMPLAINTS


def feedback_of(mail: Mail) -> Feedback | None:
    """The feedback report that a mail is, or None."""
    report = next(mail.of_type("message/feedback-report"), None)
    is_report = mail.type == "multipart/report" and mail.params.get("report-type", "").lower() == "feedback-report"
    original = next((part for part in mail.parts if part.is_message), None)
    if report is None and not is_report:
        return _without_report(mail, original)
    fields = Headers(_fields(report.text) if report else [])
    kind = fields.get("feedback-type").lower() or "abuse"
    told = [*fields.all("original-rcpt-to"), *fields.all("removal-recipient")]
    recipients = _addresses(" ".join(told)) or _asked(original)
    message_id = original.inner.get("message-id") if original else ""
    return Feedback(kind, recipients, _bare(message_id or fields.get("original-message-id")))


def _without_report(mail: Mail, original: Part | None) -> Feedback | None:
    """Some providers send the message alone, with the person in a header of their own (Microsoft's JMRP)."""
    if original is None:
        return None
    person = original.inner.get("x-hmxmroriginalrecipient") or mail.headers.get("x-hmxmroriginalrecipient")
    if not person:
        return None
    return Feedback("abuse", _addresses(person), _bare(original.inner.get("message-id")))


def _asked(original: Part | None) -> tuple[str, ...]:
    return _addresses(" ".join(original.inner.all("to"))) if original else ()


def _fields(text: str) -> list[tuple[str, str]]:
    """All fields of a report, which some writers part by empty lines."""
    return [pair for block in re.split(r"\n\s*\n", text.strip("\n")) for pair in split(block)[0]]


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found.lower() for found in _ADDRESS.findall(text)))


def _bare(message_id: str) -> str | None:
    return message_id.strip().strip("<>").strip() or None
