"""Notices that a sending service mails as JSON: Amazon SES through SNS (developer guide, notification contents)."""

from __future__ import annotations

import json
from typing import Any

from sillage.domain.bounce_rules import Rule
from sillage.domain.refusal import Kind, Report, classify, code_in, is_of_words, status_in
from sillage.domain.returned_mail import Mail

_MAX_RECIPIENTS = 50
# A raw line end inside a string is forgiven: mail folds long lines.
_DECODER = json.JSONDecoder(strict=False)


def reports_of(mail: Mail, rules: tuple[Rule, ...]) -> list[Report]:
    """The recipients of a notice; empty where a mail is none."""
    for part in mail.of_type("text/plain"):
        text = part.text.lstrip()
        if text.startswith("{") and ("notificationType" in text or "eventType" in text):
            notice = _read(text)
            if notice is not None:
                return _reports(notice, rules)
    return []


def _read(text: str) -> dict[str, Any] | None:
    try:
        notice, _end = _DECODER.raw_decode(text)
        if isinstance(notice, dict) and isinstance(notice.get("Message"), str):
            notice, _end = _DECODER.raw_decode(notice["Message"])
    except (ValueError, RecursionError):
        return None
    return notice if isinstance(notice, dict) else None


def _reports(notice: dict[str, Any], rules: tuple[Rule, ...]) -> list[Report]:
    about = _table(notice, "mail")
    headers = _table(about, "commonHeaders")
    message_id = str(headers.get("messageId") or about.get("messageId") or "").strip("<>") or None
    match notice.get("notificationType") or notice.get("eventType"):
        case "Bounce":
            bounce = _table(notice, "bounce")
            kind = f"Amazon SES: {bounce.get('bounceType')}/{bounce.get('bounceSubType')}"
            return [_bounce(who, kind, message_id, rules) for who in _people(bounce, "bouncedRecipients")]
        case "Complaint":
            complaint = _table(notice, "complaint")
            told = str(complaint.get("complaintFeedbackType") or "abuse").lower()
            return [
                Report(Kind.COMPLAINT, _address(who), feedback_type=told, original_message_id=message_id)
                for who in _people(complaint, "complainedRecipients")
            ]
        case "Delivery":
            delivery = _table(notice, "delivery")
            reply = str(delivery.get("smtpResponse") or "")
            people = delivery.get("recipients") or about.get("destination") or []
            return [
                Report(
                    Kind.DELIVERED,
                    str(who).lower(),
                    status=status_in(reply),
                    smtp_code=code_in(reply),
                    original_message_id=message_id,
                )
                for who in people[:_MAX_RECIPIENTS]
            ]
        case _:
            return []


def _bounce(who: dict[str, Any], kind: str, message_id: str | None, rules: tuple[Rule, ...]) -> Report:
    said = str(who.get("diagnosticCode") or "").partition(";")[2].strip() or str(who.get("diagnosticCode") or "")
    status = str(who.get("status") or "") or status_in(said)
    code, recipient = code_in(said), _address(who)
    verdict = classify(code, status, said, host=(recipient or "").rpartition("@")[2], rules=rules)
    if not is_of_words(verdict):
        other = classify(None, None, kind, rules=rules)
        verdict = other if other.rule is not None else verdict
    return Report(
        Kind.BOUNCE,
        recipient,
        verdict.bounce_class,
        verdict.reason,
        status or None,
        code,
        verdict.rule,
        said or kind,
        message_id,
        action=str(who.get("action") or "failed").lower(),
    )


def _table(of: dict[str, Any], key: str) -> dict[str, Any]:
    found = of.get(key)
    return found if isinstance(found, dict) else {}


def _people(of: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = of.get(key)
    return [who for who in found if isinstance(who, dict)][:_MAX_RECIPIENTS] if isinstance(found, list) else []


def _address(who: dict[str, Any]) -> str | None:
    return str(who.get("emailAddress") or "").strip("<> ").lower() or None
