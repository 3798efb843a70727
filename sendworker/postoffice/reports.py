"""The mails that a provider or a person sends back: returned mail, complaints, and unsubscribing by mail.

Written by hand, octet by octet, as RFC 3464 (delivery status), RFC 5965 (feedback) and RFC 6068 (mailto) have it, so
that what is tested is the reading of the standard, not the round trip of one library.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote, urlsplit

from sendworker.postoffice.people import Bounce

CRLF = b"\r\n"
_HOST_OF_SOURCE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A mail that lies in a mailbox, and what the envelope said. Times are business time, in seconds."""

    recipient: str
    mail_from: str
    """The envelope's sender, empty for the null sender."""
    raw: bytes
    message_id: str | None
    accepted_at: float

    @property
    def original(self) -> bytes:
        """The message as it lies in the mailbox: with Return-Path and a trace line (RFC 5321 4.4)."""
        trace = (
            f"Return-Path: <{self.mail_from}>\r\n"
            f"Received: from sender.example ([{_HOST_OF_SOURCE}]) by {host_of(self.recipient)} with ESMTP\r\n"
            f" for <{self.recipient}>; {_date(self.accepted_at)}\r\n"
        )
        return trace.encode() + self.raw


@dataclass(frozen=True, slots=True)
class Post:
    """A mail to hand over: envelope and octets with CRLF line ends. `sender` is empty for the null sender."""

    sender: str
    recipient: str
    data: bytes


def host_of(address: str) -> str:
    """The name of the mail server that takes mail for an address."""
    return f"mx.{address.rpartition('@')[2].lower()}"


def returned(mail: Delivered, bounce: Bounce, at: float) -> Post | None:
    """A report that the mail could not be delivered (RFC 3464), None where the mail had no sender to return to."""
    if not mail.mail_from:
        return None
    host = host_of(mail.recipient)
    boundary = _boundary("dsn", mail)
    head_end = mail.original.find(b"\r\n\r\n")
    head = mail.original[: head_end + 2] if head_end >= 0 else mail.original
    notice = (
        f"This is the mail system at host {host}.\r\n\r\n"
        "Your message could not be delivered to one or more recipients. It is returned below.\r\n\r\n"
        f"<{mail.recipient}>: host {host} said: {bounce.reply}\r\n"
    )
    status = (
        f"Reporting-MTA: dns; {host}\r\n"
        f"Received-From-MTA: dns; sender.example\r\n"
        f"Arrival-Date: {_date(mail.accepted_at)}\r\n"
        "\r\n"
        f"Final-Recipient: {_typed(mail.recipient)}\r\n"
        "Action: failed\r\n"
        f"Status: {bounce.status}\r\n"
        f"Diagnostic-Code: smtp; {bounce.reply}\r\n"
        f"Last-Attempt-Date: {_date(at)}\r\n"
    )
    parts = (
        _part("text/plain; charset=utf-8", notice.encode()),
        _part("message/delivery-status", status.encode("ascii", "replace")),
        _part("text/rfc822-headers", head),
    )
    headers = (
        f"From: Mail Delivery System <MAILER-DAEMON@{host}>\r\n"
        f"To: {mail.mail_from}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        f"Date: {_date(at)}\r\n"
        f"Message-ID: <{boundary}@{host}>\r\n"
        "Auto-Submitted: auto-replied\r\n"
    )
    return Post("", mail.mail_from, _multipart(headers, "delivery-status", boundary, parts))


def complaint(mail: Delivered, provider: str, at: float) -> Post | None:
    """A feedback report (RFC 5965) with the whole message; None where it had no sender to report to."""
    sender_domain = mail.mail_from.rpartition("@")[2]
    if not sender_domain:
        return None
    domain = mail.recipient.rpartition("@")[2].lower()
    host = host_of(mail.recipient)
    boundary = _boundary("arf", mail)
    feedback_address = f"fbl@{sender_domain}"
    notice = (
        f"This is an email abuse report for an email message received from IP {_HOST_OF_SOURCE} on\r\n"
        f"{_date(mail.accepted_at)}. For more information about this format please see RFC 5965.\r\n"
    )
    feedback = (
        "Feedback-Type: abuse\r\n"
        f"User-Agent: {provider}-feedback-loop/1.0\r\n"
        "Version: 1\r\n"
        f"Original-Mail-From: <{mail.mail_from}>\r\n"
        f"Original-Rcpt-To: <{mail.recipient}>\r\n"
        f"Arrival-Date: {_date(mail.accepted_at)}\r\n"
        f"Reporting-MTA: dns; {host}\r\n"
        f"Source-IP: {_HOST_OF_SOURCE}\r\n"
        f"Reported-Domain: {_from_domain(mail.raw) or sender_domain}\r\n"
    )
    parts = (
        _part("text/plain; charset=us-ascii", notice.encode()),
        _part("message/feedback-report", feedback.encode("ascii", "replace")),
        _part("message/rfc822", mail.original, disposition="inline"),
    )
    headers = (
        f"From: Feedback loop <feedback@{domain}>\r\n"
        f"To: {feedback_address}\r\n"
        "Subject: Abuse report\r\n"
        f"Date: {_date(at)}\r\n"
        f"Message-ID: <{boundary}@{host}>\r\n"
    )
    data = _multipart(headers, "feedback-report", boundary, parts)
    return Post(f"feedback@{domain}", feedback_address, data)


def unsubscribe_mail(mail: Delivered, uri: str, at: float) -> Post | None:
    """The mail that a mailto address asks for (RFC 6068); None where it names nobody."""
    split = urlsplit(uri)
    to = unquote(split.path).partition(",")[0]
    if not re.fullmatch(r"[^@\s\x00-\x1f<>]+@[^@\s\x00-\x1f<>]+", to):
        return None
    asked = {name.lower(): value for name, value in parse_qsl(split.query, keep_blank_values=True)}
    # An address may ask for a subject and a body, and for nothing that starts a header of its own.
    subject = re.sub(r"[\x00-\x1f\x7f]+", " ", asked.get("subject", "unsubscribe"))
    body = re.sub(r"\r\n|\r|\n", "\r\n", asked.get("body", ""))
    token = _boundary("unsubscribe", mail)
    data = (
        f"From: <{mail.recipient}>\r\n"
        f"To: <{to}>\r\n"
        f"Subject: {subject}\r\n"
        f"Date: {_date(at)}\r\n"
        f"Message-ID: <{token}@{mail.recipient.rpartition('@')[2]}>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n"
        "\r\n"
        f"{body}\r\n"
    )
    return Post(mail.recipient, to, data.encode())


def _multipart(headers: str, report_type: str, boundary: str, parts: tuple[bytes, ...]) -> bytes:
    top = (
        f"{headers}MIME-Version: 1.0\r\n"
        f"Content-Type: multipart/report; report-type={report_type};\r\n"
        f' boundary="{boundary}"\r\n'
        "\r\n"
        "This is a MIME-encapsulated message.\r\n"
    )
    dashes = b"\r\n--" + boundary.encode()
    return top.encode() + b"".join(dashes + CRLF + part for part in parts) + dashes + b"--\r\n"


def _part(content_type: str, body: bytes, *, disposition: str = "") -> bytes:
    headers = f"Content-Type: {content_type}\r\n"
    if disposition:
        headers += f"Content-Disposition: {disposition}\r\n"
    headers += f"Content-Transfer-Encoding: {'7bit' if body.isascii() else '8bit'}\r\n\r\n"
    return headers.encode() + body


def _typed(address: str) -> str:
    """An address with its type; one that is not ASCII in the form of RFC 6533 3 for reports in ASCII."""
    if address.isascii():
        return f"rfc822; {address}"
    return "utf-8; " + "".join(c if c.isascii() and c not in "\\+=" else f"\\x{{{ord(c):X}}}" for c in address)


def _from_domain(raw: bytes) -> str:
    found = re.search(rb"^from:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*", raw, re.IGNORECASE | re.MULTILINE)
    domains = re.findall(rb"@([A-Za-z0-9.-]+)", found[0]) if found else []
    return domains[-1].decode() if domains else ""


def _boundary(kind: str, mail: Delivered) -> str:
    # The same for each repetition: a report that is sent twice is the same report.
    name = "\x1f".join((kind, mail.message_id or str(mail.accepted_at), mail.recipient))
    return f"{kind}.{hashlib.blake2b(name.encode('utf-8', 'surrogateescape'), digest_size=12).hexdigest()}"


def _date(at: float) -> str:
    return formatdate(at)
