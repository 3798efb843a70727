"""Returned mail: what kind it is, whom it speaks of, and what follows for that person.

The reading of a session's reply and of a returned mail ends in the same place, `classify`: words first, then the
enhanced status (RFC 3463), then the bare code. Rules are data (`data/bounce_rules.toml`), the first that matches wins,
and what no rule knows is `unknown`: never permanent, listed for a person to look at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from sillage.domain import bounce_text
from sillage.domain.bounce_rules import PERMANENT, UNRECOGNISED, BounceClass, Verdict, current_rules
from sillage.domain.diagnostic import without_addresses
from sillage.domain.feedback import feedback_of
from sillage.domain.returned_mail import Headers, Mail, read, split

__all__ = ["PERMANENT", "BounceClass", "Kind", "Report", "Verdict", "classify", "parse_report", "without_person"]

MAX_DIAGNOSTIC = 1_000
_MAX_RECIPIENTS = 50
_PERMANENT_CODE = 500
_TELLING_LOCAL_PART = 3
_MAX_BLOCKS = 200
_MAX_BLOCK_CHARS = 8_000
_MAX_JUDGED_CHARS = 4_000

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CODE = re.compile(
    r"(?<![\d.:/-])([245][0-5]\d)(?=[ -])(?![ -]*(?:kb|mb|bytes|days|hours|minutes|seconds)\b)", re.IGNORECASE
)
_CODE_BEFORE_STATUS = re.compile(r"(?<!\d)([245]\d\d)[ -]?#?(?=[245]\.\d{1,3}\.\d)")
_ANGLED = re.compile(r"<?([^\s<>,;:\"()\[\]]{1,128}@[^\s<>,;:\"()\[\]]{1,255}?)[>.,;]*\s*$")


class Kind(StrEnum):
    """What a mail that came back is."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    AUTOREPLY = "autoreply"
    CHALLENGE = "challenge"
    UNSUBSCRIBE = "unsubscribe"
    DELIVERED = "delivered"
    NOT_BOUNCE = "not_bounce"


@dataclass(frozen=True, slots=True)
class Report:
    """What a returned mail says of one recipient. `diagnostic` is the server's own words, addresses included."""

    kind: Kind
    recipient: str | None = None
    bounce_class: BounceClass | None = None
    reason: str | None = None
    status: str | None = None
    smtp_code: int | None = None
    rule: str | None = None
    diagnostic: str | None = None
    original_message_id: str | None = None
    feedback_type: str | None = None
    action: str | None = None
    """RFC 3464's word for what became of the mail; None where it came in plain words only."""

    @property
    def is_final(self) -> bool:
        """False for a warning that delivery is late: nothing has been decided, so nothing follows."""
        return self.action != "delayed"

    @property
    def is_certain(self) -> bool:
        """Whether a bounce is one beyond doubt: a server said so, or a rule knows its words."""
        return self.is_final and (self.action == "failed" or self.bounce_class is not BounceClass.UNKNOWN)


def classify(code: int | None, status: str | None, text: str) -> Verdict:
    """What a refusal means, from its SMTP code, its enhanced status and the server's words; unknown if no rule knows.

    A temporary refusal (4xx) of a class that ends a relation is not taken for an end: the server asks us to come back.
    """
    status = status or _status_in(text) or ""
    text = " ".join(text[:_MAX_JUDGED_CHARS].split())
    for rule in current_rules():
        if rule.matches(code, status, text):
            return _not_yet(rule.verdict) if _is_temporary(code, status) else rule.verdict
    return UNRECOGNISED


def _is_temporary(code: int | None, status: str) -> bool:
    """Whether the server asks us to come back: by its status, which says more than the code."""
    return status.startswith("4") or (not status and code is not None and code < _PERMANENT_CODE)


def _not_yet(verdict: Verdict) -> Verdict:
    if verdict.bounce_class in PERMANENT:
        return Verdict(BounceClass.TRANSIENT, "system", verdict.rule)
    return verdict


def code_in(text: str) -> int | None:
    """The SMTP reply code that a server's words begin with or hold, or None."""
    found = _CODE_BEFORE_STATUS.search(text) or _CODE.search(text)
    return int(found[1]) if found else None


def without_person(text: str, address: str | None) -> str:
    """A server's words with every address taken out, and the local part of the one that they are about."""
    local = (address or "").partition("@")[0]
    if len(local) >= _TELLING_LOCAL_PART:
        text = re.sub(rf"(?<![\w.+-]){re.escape(local)}(?![\w+-])(?!@)", "<name>", text, flags=re.IGNORECASE)
    return without_addresses(text)


def parse_report(raw: bytes) -> list[Report]:
    """What a mail that came back says, a report for each recipient; empty where it is an ordinary mail.

    Any bytes are read; none raise.
    """
    mail = read(raw)
    feedback = feedback_of(mail)
    if feedback is not None:
        report = Report(Kind.COMPLAINT, feedback_type=feedback.type, original_message_id=feedback.original_message_id)
        return [replace(report, recipient=who) for who in feedback.recipients] or [report]
    if any(mail.of_type("message/disposition-notification")):
        return []
    reports = _delivery_status(mail)
    return reports or _by_words(mail)


# --- RFC 3464 ---------------------------------------------------------------------------------------------------------


def _delivery_status(mail: Mail) -> list[Report]:
    """The recipients of a delivery status notification, also of one whose MIME structure is broken."""
    texts = [part.text for part in mail.of_type("message/delivery-status", "message/global-delivery-status")]
    if not texts:
        texts = [part.text for part in mail.parts if not part.is_message and bounce_text.HAS_STATUS.search(part.text)]
    cut = [block for text in texts for block in re.split(r"\n[ \t]*\n", text)][:_MAX_BLOCKS]
    blocks = [_fields(block) for block in cut]
    blocks = [block for block in blocks if "final-recipient" in block or "original-recipient" in block]
    message_id = bounce_text.original_message_id(mail)
    words = bounce_text.said(mail)
    return [_of_block(block, words, message_id) for block in blocks[:_MAX_RECIPIENTS]]


def _fields(block: str) -> Headers:
    """Fields of a block, whatever stands between them."""
    fields: list[tuple[str, str]] = []
    rest = block.strip("\n")[:_MAX_BLOCK_CHARS]
    while rest:
        found, after = split(rest)
        fields += found
        # A line that is no field is stepped over.
        rest = after if found and after != rest else rest.partition("\n")[2]
    return Headers(fields)


def _of_block(block: Headers, words: str, message_id: str | None) -> Report:
    action = block.get("action").split("(")[0].strip().lower()
    recipient = next(filter(None, (_address(block.get(name)) for name in _RECIPIENT_FIELDS)), None)
    diagnostic = re.sub(r"^\s*[\w-]+\s*;\s*", "", block.get("diagnostic-code"))
    told = _STATUS.search(block.get("status"))
    status = _sharper(told[1] if told else None, _status_in(diagnostic))
    code = code_in(diagnostic) or (code_in(block.get("diagnostic-code")) if diagnostic else None)
    if action in {"delivered", "relayed", "expanded"} or (not action and (status or "").startswith("2")):
        return Report(Kind.DELIVERED, recipient, status=status, smtp_code=code, original_message_id=message_id)
    verdict = classify(code, status, diagnostic)
    if verdict.rule is None:
        verdict = _by_the_way(verdict, bounce_text.about(words, recipient))
    if action == "delayed" and verdict.bounce_class in {*PERMANENT, BounceClass.UNKNOWN}:
        verdict = Verdict(BounceClass.TRANSIENT, "expired", verdict.rule)
    return Report(
        Kind.BOUNCE,
        recipient,
        verdict.bounce_class,
        verdict.reason,
        status,
        code,
        verdict.rule,
        (diagnostic or bounce_text.about(words, recipient))[:MAX_DIAGNOSTIC].strip() or None,
        message_id,
        action=action,
    )


_RECIPIENT_FIELDS = ("final-recipient", "original-recipient", "x-actual-recipient")


def _address(field: str) -> str | None:
    """The address of a recipient field (`rfc822; <a@b.c>`), lower-case; None where it holds none."""
    found = _ANGLED.search(field.rpartition(";")[2].strip())
    return found[1].strip("'").lower() if found else None


def _sharper(told: str | None, said: str | None) -> str | None:
    """Of two statuses the one that says more: `x.0.0` is what a server writes that knows nothing."""
    if told is None or (told.endswith(".0.0") and said is not None and not said.endswith(".0.0")):
        return said or told
    return told


def _status_in(text: str) -> str | None:
    found = _STATUS.search(text)
    return found[1] if found else None


def _by_the_way(verdict: Verdict, words: str) -> Verdict:
    """A better verdict from what the mail says for people, if a rule of words knows it."""
    other = classify(None, None, words)
    return verdict if other.rule is None or other.rule.startswith(("status-", "code-")) else other


# --- everything else --------------------------------------------------------------------------------------------------


def _by_words(mail: Mail) -> list[Report]:
    """Mail without a machine's report: known by its sender, its subject and its words."""
    looks_returned = bounce_text.looks_returned(mail)
    if not looks_returned:
        for kind, is_one in bounce_text.ANSWERS:
            if is_one(mail):
                return [Report(Kind(kind), bounce_text.sender(mail))]
        return []
    message_id = bounce_text.original_message_id(mail)
    words = bounce_text.said(mail)
    found = bounce_text.recipients(mail, words)[:_MAX_RECIPIENTS]
    return [_of_words(mail, who, words, message_id) for who in found] or [_of_words(mail, None, words, message_id)]


def _of_words(mail: Mail, recipient: str | None, words: str, message_id: str | None) -> Report:
    near = bounce_text.about(words, recipient)
    status, code = _status_in(near) or _status_in(words), code_in(near) or code_in(words)
    verdict = classify(code_in(near), _status_in(near), near)
    if verdict.rule is None or verdict.rule.startswith(("status-", "code-")):
        verdict = _by_the_way(verdict, words)
    if verdict.rule is None:
        verdict = classify(code, status, words)
    action = "delayed" if bounce_text.is_warning(mail) else None
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
    )
