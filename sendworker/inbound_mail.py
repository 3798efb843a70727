"""What a mail to one of our return addresses means, and what follows from it: pure reading, then one transaction.

`b-TOKEN@` is the return path of one message to one person, `u-TOKEN@` its wish to leave, `fbl@` takes the feedback
reports of providers, which name the message by what they quote of it. Tokens are signed: nobody bounces for another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
import structlog

from sillage.domain.bounce import PERMANENT, BounceClass, Kind, Report, parse_mail
from sillage.domain.bounce_rules import Rule
from sillage.domain.bounce_text import sender
from sillage.domain.feedback import COMPLAINTS
from sillage.domain.feedback_loops import loop_of
from sillage.domain.ids import AccountId, CampaignId, VariantId
from sillage.domain.returned_mail import Mail, read
from sillage.store import signals
from sillage.tokens import NOBODY, Recipient, TokenKey

_LOCAL_PART = re.compile(r"(b|u)-([a-z2-7]{44})")
_MAILBOX_TOKEN = re.compile(r"(?<![a-z2-7])([a-z2-7]{44})(?=[@.])", re.IGNORECASE)
_URL_TOKEN = re.compile(r"/[uothw]/([A-Za-z0-9_-]{36})(?![A-Za-z0-9_-])")
_MAX_CANDIDATES = 200
# As `sillage.campaign.prepare` writes it: variant, campaign, account.
_FEEDBACK_ID = re.compile(r"\s*(\d{1,9}):(\d{1,9}):(\d{1,9}):sillage\b")

log = structlog.get_logger()


class Box(StrEnum):
    """Which of our addresses a mail came to."""

    RETURN_PATH = "b"
    UNSUBSCRIBE = "u"
    FEEDBACK = "fbl"


@dataclass(frozen=True, slots=True)
class Address:
    """One of our addresses, with the recipient that its token names."""

    box: Box
    recipient: Recipient | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """Whom a report may mean that quotes no token: our campaign by its Feedback-ID, and an address that it names."""

    account_id: AccountId
    campaign_id: CampaignId
    variant_id: VariantId
    email: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that came in, read: what it says, for whom, and what names it among its replays."""

    address: Address
    recipient: Recipient | None
    reports: list[Report]
    key: str
    hint: Hint | None = None


class Effect(StrEnum):
    """What became of a letter. The last two are put aside, for a person to look at."""

    NOTED = "noted"
    REPLAYED = "replayed"
    NOTHING = "nothing"
    UNMATCHED = "unmatched"
    UNRECOGNISED = "unrecognised"


def address_of(text: str, bounce_domain: str, key: TokenKey) -> Address | None:
    """Which of our addresses this is; None where it is none, or where its token was not signed by us."""
    local, _, domain = text.strip("<>").lower().rpartition("@")
    if domain.rstrip(".") != bounce_domain.lower():
        return None
    if local == Box.FEEDBACK:
        return Address(Box.FEEDBACK)
    found = _LOCAL_PART.fullmatch(local)
    recipient = key.read_from_mailbox(found[2]) if found else None
    return Address(Box(found[1]), recipient) if found and recipient else None


def open_letter(raw: bytes, address: Address, key: TokenKey, rules: tuple[Rule, ...] | None = None) -> Letter:
    """Read a mail. Any bytes are read; the parsing may take tens of milliseconds, so not on an event loop."""
    mail = read(raw)
    if address.box is Box.UNSUBSCRIBE:
        return Letter(address, address.recipient, [], _name_of(mail, raw))
    recipient = address.recipient or next(_signed(mail, key), None)
    reports = parse_mail(mail, rules)
    hint = _hint(mail, reports) if recipient is None else None
    return Letter(address, recipient, reports, _name_of(mail, raw), hint)


def act_on(conn: sa.Connection, letter: Letter, *, occurred_at: datetime, secret: str) -> Effect:
    """Let follow what follows, in the caller's transaction."""
    recipient = letter.recipient or _hinted(conn, letter.hint)
    account_id = signals.account_of(conn, recipient) if recipient and recipient.contact_id != NOBODY else None
    if recipient is None or account_id is None:
        return Effect.UNMATCHED
    if letter.address.box is Box.UNSUBSCRIBE:
        done = signals.unsubscribe(conn, account_id, recipient, via="mailto", occurred_at=occurred_at)
        return Effect.NOTED if done else Effect.REPLAYED
    report = weightiest(letter.reports)
    if report is None:
        return Effect.UNRECOGNISED
    match report.kind:
        case Kind.COMPLAINT if report.feedback_type in COMPLAINTS:
            done = signals.complain(
                conn, account_id, recipient, via="feedback_loop", occurred_at=occurred_at, secret=secret
            )
        case Kind.UNSUBSCRIBE:
            done = signals.unsubscribe(conn, account_id, recipient, via="mailto", occurred_at=occurred_at)
        case Kind.AUTOREPLY:
            done = signals.autoreply(conn, account_id, recipient, key=letter.key, occurred_at=occurred_at)
        case Kind.BOUNCE if report.is_certain:
            done = signals.bounce(
                conn,
                account_id,
                recipient,
                _bounce(report),
                via="mail",
                key=letter.key,
                occurred_at=occurred_at,
                secret=secret,
            )
        case Kind.BOUNCE if report.is_final:
            return Effect.UNRECOGNISED
        case _:
            # A late warning, a success, a challenge, a report on authentication: nothing follows for the person.
            return Effect.NOTHING
    return Effect.NOTED if done else Effect.REPLAYED


def _hinted(conn: sa.Connection, hint: Hint | None) -> Recipient | None:
    """The recipient that a hint means: somebody of that account whom this campaign was for."""
    if hint is None:
        return None
    contact_id = signals.recipient_by_address(conn, hint.account_id, hint.campaign_id, hint.email)
    return None if contact_id is None else Recipient(hint.campaign_id, hint.variant_id, contact_id)


def _hint(mail: Mail, reports: list[Report]) -> Hint | None:
    """What a complaint says without a token. Anybody can write a Feedback-ID: only a known loop is listened to."""
    report = weightiest(reports)
    if report is None or report.kind is not Kind.COMPLAINT or not report.recipient:
        return None
    written = (part.inner.get("feedback-id") for part in mail.parts if part.is_message)
    found = next((match for text in written if (match := _FEEDBACK_ID.match(text))), None)
    if found is None or loop_of(sender(mail) or "") is None:
        return None
    variant, campaign, account = map(int, found.groups())
    return Hint(AccountId(account), CampaignId(campaign), VariantId(variant), report.recipient)


def weightiest(reports: list[Report]) -> Report | None:
    """The report that decides, where a mail holds several (a return path belongs to one person, forwards have many).

    What is final weighs more than a warning, and of bounces the permanent one weighs least unless it stands alone:
    one of several forwards that is gone is not the person's own address.
    """

    def weight(report: Report) -> tuple[bool, bool]:
        is_permanent = report.bounce_class in PERMANENT
        return report.is_final, not is_permanent

    return max(reports, key=weight, default=None)


def _bounce(report: Report) -> signals.Bounce:
    return signals.Bounce(
        bounce_class=report.bounce_class or BounceClass.UNKNOWN,
        reason=report.reason,
        status=report.status,
        smtp_code=report.smtp_code,
        diagnostic=report.diagnostic,
        rule=report.rule,
    )


def _signed(mail: Mail, key: TokenKey) -> Iterator[Recipient]:
    """The recipients whose tokens stand in a mail: in a return path, a Message-ID, a List-Unsubscribe of the original.

    A token can't be made up, so it may be looked for anywhere; one of ours that stands there was in a message of ours.
    """
    for text in _texts(mail):
        for found in list(_MAILBOX_TOKEN.finditer(text))[:_MAX_CANDIDATES]:
            if recipient := key.read_from_mailbox(found[1].lower()):
                yield recipient
    for text in _texts(mail):
        for found in list(_URL_TOKEN.finditer(text))[:_MAX_CANDIDATES]:
            if recipient := key.read(found[1]):
                yield recipient


def _texts(mail: Mail) -> Iterator[str]:
    """The machine's report first, then the copy of the message, then what people wrote."""
    order = ("message/feedback-report", "message/rfc822", "text/rfc822-headers", "message/global")
    yield from (part.text for kind in order for part in mail.of_type(kind))
    yield from (part.text for part in mail.parts if part.type not in order)
    # An answer without any copy still says what it answers.
    yield from (mail.headers.get(name) for name in ("in-reply-to", "references", "original-message-id"))


def _name_of(mail: Mail, raw: bytes) -> str:
    """What names a mail among its replays: its Message-ID, or what it says where it has none."""
    message_id = mail.headers.get("message-id").strip()
    if message_id:
        return message_id
    body = raw.partition(b"\r\n\r\n")[2] or raw.partition(b"\n\n")[2] or raw
    return hashlib.blake2b(body, digest_size=16).hexdigest()
