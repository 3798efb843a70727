"""What a server's refusal means, and the report in which every reading of returned mail ends.

Words first, then the enhanced status (RFC 3463), then the bare code: many servers write 5.0.0 or 5.7.1 for everything.
What no rule knows is `unknown`: never permanent, listed for a person to look at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sillage.domain.bounce_rules import (
    PERMANENT,
    UNRECOGNISED,
    BounceClass,
    Refusal,
    Rule,
    Verdict,
    built_in_rules,
)

MAX_DIAGNOSTIC = 1_000
_PERMANENT_CODE = 500
_MAX_JUDGED_CHARS = 4_000

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CODE = re.compile(
    r"(?<![\d.:/-])([245][0-5]\d)(?=[ -])(?![ -]*(?:kb|mb|bytes|days|hours|minutes|seconds)\b)", re.IGNORECASE
)
_CODE_BEFORE_STATUS = re.compile(r"(?<!\d)([245]\d\d)[ -]?#?(?=[245]\.\d{1,3}\.\d)")
# Cisco's gateways put words of their own before the reply that they got: `5.1.0 - Unknown address error 550-'…'`.
_WRAPPER = re.compile(r"^\s*[45]\.\d\.\d - [A-Za-z ]{3,60} [45]\d\d[- ]'(.+)'", re.DOTALL)
_COMMAND = re.compile(r"in\s+reply\s+to\s+(?:end\s+of\s+)?([A-Z]+)[A-Za-z ]*\s+command")
_HOST = re.compile(r"\bhost\s+([\w.-]{4,255})")


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
    remote_mta: str | None = None
    """The server that refused, where it is named."""

    @property
    def is_final(self) -> bool:
        """False for a warning that delivery is late: nothing has been decided, so nothing follows."""
        return self.action != "delayed"

    @property
    def is_certain(self) -> bool:
        """Whether a bounce is one beyond doubt: a server said so, or a rule knows its words."""
        return self.is_final and (self.action == "failed" or self.bounce_class is not BounceClass.UNKNOWN)


def classify(
    code: int | None,
    status: str | None,
    text: str,
    *,
    host: str = "",
    command: str = "",
    rules: tuple[Rule, ...] | None = None,
) -> Verdict:
    """What a refusal means, from its SMTP code, its enhanced status and the server's words; unknown if no rule knows.

    `host` is the server that spoke and the recipient's domain, `command` what it answered. A temporary refusal (4xx)
    of a class that ends a relation is not taken for an end: the server asks us to come back.
    """
    if wrapped := _WRAPPER.match(text):
        text = wrapped[1]
    refusal = Refusal(
        code,
        status or status_in(text) or "",
        " ".join(text[:_MAX_JUDGED_CHARS].lower().split()),
        host.lower(),
        command,
    )
    for rule in built_in_rules() if rules is None else rules:
        if rule.matches(refusal):
            return _not_yet(rule.verdict) if _is_temporary(code, refusal.status) else rule.verdict
    return UNRECOGNISED


def is_of_words(verdict: Verdict) -> bool:
    """Whether a rule of words decided, and not one of a bare status or code."""
    return verdict.rule is not None and not verdict.rule.startswith(("status-", "code-"))


def code_in(text: str) -> int | None:
    """The SMTP reply code that a server's words begin with or hold, or None."""
    found = _CODE_BEFORE_STATUS.search(text) or _CODE.search(text)
    return int(found[1]) if found else None


def status_in(text: str) -> str | None:
    """The enhanced status (RFC 3463) in a server's words, or None."""
    found = _STATUS.search(text)
    return found[1] if found else None


def command_in(text: str) -> str:
    """The command that a server answered, as Postfix tells it («in reply to end of DATA command»)."""
    found = _COMMAND.search(text)
    return found[1] if found else ""


def host_in(text: str) -> str:
    """The server that spoke, as Postfix and Exim tell it («host mx.example[192.0.2.1] said»)."""
    found = _HOST.search(text)
    return found[1].lower() if found else ""


def sharper(told: str | None, said: str | None) -> str | None:
    """Of two statuses the one that says more: `x.0.0` is what a server writes that knows nothing."""
    if told is None or (told.endswith(".0.0") and said is not None and not said.endswith(".0.0")):
        return said or told
    return told


def _is_temporary(code: int | None, status: str) -> bool:
    """Whether the server asks us to come back: by its status, which says more than the code."""
    return status.startswith("4") or (not status and code is not None and code < _PERMANENT_CODE)


def _not_yet(verdict: Verdict) -> Verdict:
    if verdict.bounce_class in PERMANENT:
        return Verdict(BounceClass.TRANSIENT, "system", verdict.rule)
    return verdict
