"""Delivery status notifications: the machine's part of returned mail (RFC 3464, RFC 6533), also a broken one."""

from __future__ import annotations

import re

from sillage.domain import bounce_text
from sillage.domain.bounce_rules import PERMANENT, BounceClass, Rule, Verdict
from sillage.domain.refusal import (
    MAX_DIAGNOSTIC,
    Kind,
    Report,
    classify,
    code_in,
    command_in,
    host_in,
    is_of_words,
    sharper,
    status_in,
)
from sillage.domain.returned_mail import Headers, Mail, split_raw

MAX_RECIPIENTS = 50
_MAX_BLOCKS = 200
_MAX_BLOCK_CHARS = 8_000
_RECIPIENT_FIELDS = ("final-recipient", "original-recipient", "x-actual-recipient")
_LOCAL_PART_ALONE = re.compile(r"[\w.+=-]{1,64}")


def reports_of(mail: Mail, rules: tuple[Rule, ...]) -> list[Report]:
    """The recipients of a delivery status notification; empty where a mail has no machine's part."""
    texts = [part.text for part in mail.of_type("message/delivery-status", "message/global-delivery-status")]
    if not texts:
        texts = [part.text for part in mail.parts if not part.is_message and bounce_text.has_status(part.text)]
    cut = [block for text in texts for block in re.split(r"\n[ \t]*\n", text)][:_MAX_BLOCKS]
    blocks = [_fields(block) for block in cut]
    blocks = [block for block in blocks if "final-recipient" in block or "original-recipient" in block]
    if not blocks:
        return []
    message_id = bounce_text.original_message_id(mail)
    words = bounce_text.said(mail)
    named = bounce_text.failed_recipients(mail)
    return [_of_block(block, words, message_id, named, rules) for block in blocks[:MAX_RECIPIENTS]]


def _fields(block: str) -> Headers:
    """Fields of a block, whatever stands between them. They are not decoded: an address may look like a word."""
    fields: list[tuple[str, str]] = []
    rest = block.strip("\n")[:_MAX_BLOCK_CHARS]
    while rest:
        found, after = split_raw(rest)
        fields += found
        # A line that is no field is stepped over.
        rest = after if found and after != rest else rest.partition("\n")[2]
    return Headers([(name, re.sub(r"\n[ \t]+", " ", value).strip()) for name, value in fields])


def _of_block(block: Headers, words: str, message_id: str | None, named: list[str], rules: tuple[Rule, ...]) -> Report:
    action = block.get("action").split("(")[0].strip().lower()
    found = [who for who in map(_address, map(block.get, _RECIPIENT_FIELDS)) if who]
    # A program or a file is no recipient: Exim names who it stands for in a header of its own.
    recipient = next((who for who in found if "@" in who), None) or next(iter([*named, *found]), None)
    diagnostic = re.sub(r"^\s*[\w-]+\s*;\s*", "", block.get("diagnostic-code"))
    status = sharper(status_in(block.get("status")), status_in(diagnostic))
    code = code_in(diagnostic) or (code_in(block.get("diagnostic-code")) if diagnostic else None)
    if action in {"delivered", "relayed", "expanded"} or (not action and (status or "").startswith("2")):
        return Report(Kind.DELIVERED, recipient, status=status, smtp_code=code, original_message_id=message_id)
    near = bounce_text.about(words, recipient)
    remote = block.get("remote-mta").partition(";")[2].strip().lower() or host_in(near)
    host = f"{remote} {(recipient or '').rpartition('@')[2]}"
    verdict = classify(code, status, diagnostic, host=host, command=command_in(near), rules=rules)
    if not is_of_words(verdict):
        # The people's part often holds what the machine's left out.
        other = classify(None, None, near, host=host, rules=rules)
        verdict = other if is_of_words(other) and (verdict.rule is None or not diagnostic) else verdict
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
        (diagnostic or near)[:MAX_DIAGNOSTIC].strip() or None,
        message_id,
        action=action,
        remote_mta=remote or None,
    )


def _address(field: str) -> str | None:
    """The address of a recipient field (`rfc822; <a@b.c>`), lower-case; None where it holds none."""
    value = field.partition(";")[2] if ";" in field else field
    found = re.search(r"<([^<>\s]{3,320})>", value)
    value = (found[1] if found else value).strip(" \t'.,;<>")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if "@" in value and not re.search(r"\s", value):
        return value.lower()
    if inside := bounce_text.ADDRESS.search(value):
        return inside[0].lower()
    return value.lower() if _LOCAL_PART_ALONE.fullmatch(value) else None
