"""Reports as the RFCs have them, read back with the standard library."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage, MIMEPart
from typing import cast

from sendworker.postoffice.people import Bounce, Stage
from sendworker.postoffice.reports import Delivered, complaint, returned, unsubscribe_mail

RAW = (
    "From: Shop <news@shop.example>\r\nTo: léa@orange.example\r\nSubject: été\r\nMessage-ID: <m1@b.example>\r\n"
    "List-Unsubscribe: <http://127.0.0.1/u/T>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBonjour é\r\n"
).encode()


def delivered(recipient: str = "lea@orange.example", mail_from: str = "b-tok@bounces.sillage.example") -> Delivered:
    """A mail in somebody's mailbox."""
    return Delivered(recipient, mail_from, RAW, "<m1@b.example>", 1_795_600_000.0)


def parsed(data: bytes) -> EmailMessage:
    """A report as the standard library reads it; only CRLF line ends."""
    assert b"\n" not in data.replace(b"\r\n", b"")
    return cast("EmailMessage", email.message_from_bytes(data, policy=email.policy.SMTP))


def test_returned_mail_has_the_fields_of_rfc_3464() -> None:
    """A returned mail is a multipart/report of three parts with the required fields, from the null sender."""
    bounce = Bounce(Stage.MAIL, 552, "5.2.2", "Mailbox full")
    post = returned(delivered(), bounce, 1_795_603_600.0)
    assert post is not None
    assert (post.sender, post.recipient) == ("", "b-tok@bounces.sillage.example")
    report = parsed(post.data)
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    assert "MAILER-DAEMON@mx.orange.example" in report["From"]
    assert report["Auto-Submitted"] == "auto-replied"
    notice, status, head = report.iter_parts()
    assert "552 5.2.2 Mailbox full" in notice.get_content()
    assert status.get_content_type() == "message/delivery-status"
    per_message, per_recipient = status.iter_parts()
    assert per_message["Reporting-MTA"] == "dns; mx.orange.example"
    assert per_message["Arrival-Date"]
    assert per_recipient["Final-Recipient"] == "rfc822; lea@orange.example"
    assert per_recipient["Action"] == "failed"
    assert per_recipient["Status"] == "5.2.2"
    assert per_recipient["Diagnostic-Code"] == "smtp; 552 5.2.2 Mailbox full"
    assert head.get_content_type() == "text/rfc822-headers"
    assert b"Return-Path: <b-tok@bounces.sillage.example>" in (head.get_payload(decode=True) or b"")
    assert "Bonjour" not in post.data.decode()


def test_returned_mail_is_the_same_each_time() -> None:
    """The same report sent again has the same Message-ID, so that a replay can be told."""
    bounce = Bounce(Stage.MAIL, 552, "5.2.2", "Mailbox full")
    assert returned(delivered(), bounce, 1.0) == returned(delivered(), bounce, 1.0)


def test_nothing_is_returned_to_the_null_sender() -> None:
    """A mail from the null sender is never answered (RFC 5321 4.5.5)."""
    mail = delivered(mail_from="")
    assert returned(mail, Bounce(Stage.MAIL, 552, "5.2.2", ""), 1.0) is None
    assert complaint(mail, "orange", 1.0) is None


def test_international_recipient_is_written_in_ascii() -> None:
    """An address that is not ASCII has its type and form of RFC 6533."""
    post = returned(delivered("léa@orange.example"), Bounce(Stage.MAIL, 550, "5.1.1", "no"), 1.0)
    assert post is not None
    assert rb"Final-Recipient: utf-8; l\x{E9}a@orange.example" in post.data


def test_complaint_has_the_fields_of_rfc_5965() -> None:
    """A feedback report goes to fbl@ the envelope sender's domain and holds the whole original."""
    post = complaint(delivered(), "orange", 1_795_603_600.0)
    assert post is not None
    assert post.recipient == "fbl@bounces.sillage.example"
    report = parsed(post.data)
    assert report.get_param("report-type") == "feedback-report"
    _, feedback, original = report.iter_parts()
    assert feedback.get_content_type() == "message/feedback-report"
    fields = email.message_from_string(_inside(feedback))
    assert fields["Feedback-Type"] == "abuse"
    assert fields["Version"] == "1"
    assert fields["User-Agent"] == "orange-feedback-loop/1.0"
    assert fields["Original-Mail-From"] == "<b-tok@bounces.sillage.example>"
    assert fields["Original-Rcpt-To"] == "<lea@orange.example>"
    assert fields["Source-IP"]
    assert fields["Reported-Domain"] == "shop.example"
    assert original.get_content_type() == "message/rfc822"
    inner = original.get_payload(0)
    assert isinstance(inner, EmailMessage)
    assert inner["Message-ID"] == "<m1@b.example>"
    assert inner["Return-Path"] == "<b-tok@bounces.sillage.example>"
    assert inner["List-Unsubscribe"] == "<http://127.0.0.1/u/T>"
    assert post.data.endswith(b"--\r\n")
    assert "Bonjour é".encode() in post.data


def test_mailto_gives_subject_and_body_and_no_header_of_its_own() -> None:
    """A mailto address fills subject and body (RFC 6068), and cannot put in another header."""
    uri = "mailto:u-tok@b.example?subject=stop%0D%0ABcc:%20x@y.example&body=a%0D%0Ab&cc=z@y.example"
    post = unsubscribe_mail(delivered(), uri, 1.0)
    assert post is not None
    assert (post.sender, post.recipient) == ("lea@orange.example", "u-tok@b.example")
    mail = parsed(post.data)
    assert mail["Subject"] == "stop Bcc: x@y.example"
    assert mail["Bcc"] is None
    assert mail["Cc"] is None
    assert mail.get_content() == "a\r\nb\r\n" or mail.get_content() == "a\nb\n"
    assert unsubscribe_mail(delivered(), "mailto:nobody", 1.0) is None


def _inside(part: MIMEPart) -> str:
    inner = part.get_payload()
    return str(inner[0] if isinstance(inner, list) else inner)
