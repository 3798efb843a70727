# ruff: noqa: E501 - the programs choose their lines
"""Returned mail in the forms that the programs of the world give it, as their manuals and sources show them."""

from __future__ import annotations

import json

import pytest

from sillage.domain.bounce import Kind, Report, parse_report

WHO = "jean.petit@client.example"


def words(text: str, *, sender: str = "MAILER-DAEMON@mx.example", subject: str = "failure notice") -> bytes:
    """A mail in plain words."""
    return f"From: {sender}\nTo: b-x@bounces.example\nSubject: {subject}\nMessage-ID: <r@mx>\n\n{text}\n".encode()


FORMS = {
    "qmail": (
        words(
            "Hi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message to the"
            f" following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<{WHO}>:\n"
            "192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 User unknown\nGiving up on 192.0.2.1.\n\n"
            "--- Below this line is a copy of the message.\n\nReturn-Path: <b@us.example>\nMessage-ID: <o@us>\n"
            "To: other@else.example\n"
        ),
        "npai",
    ),
    "exim": (
        words(
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be"
            " delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed"
            f":\n\n  {WHO}\n    host mx.client.example [192.0.2.1]\n    SMTP error from remote mail server after RCPT"
            f" TO:<{WHO}>:\n    552 5.2.2 mailbox is over its quota\n\n------ This is a copy of the message, including"
            " all the headers. ------\n\nMessage-ID: <o@us>\nTo: other@else.example\n",
            subject="Mail delivery failed: returning message to sender",
        ),
        "soft",
    ),
    "sendmail": (
        words(
            "The original message was received at Mon, 1 Jan 2001\nfrom us.example [192.0.2.9]\n\n   ----- The following"
            f" addresses had permanent fatal errors -----\n<{WHO}>\n    (reason: 550 5.1.2 Host unknown)\n\n   -----"
            " Transcript of session follows -----\n550 5.1.2 Host unknown (Name server: client.example: host not found)"
            "\n",
            subject="Returned mail: see transcript for details",
        ),
        "hard",
    ),
    "old sendmail": (
        words(
            "   ----- Transcript of session follows -----\nWhile talking to mx.client.example:\n>>> RCPT To:<"
            f"{WHO}>\n<<< 550 No such user\n550 <{WHO}>... User unknown\n\n   ----- Unsent message follows -----\nTo:"
            " other@else.example\n",
            subject="Returned mail: User unknown",
        ),
        "npai",
    ),
    "courier": (
        words(
            "This is a delivery status notification from mx.example,\nrunning the Courier mail server.\n\nThe original"
            " message was received on Mon\n\n                           UNDELIVERABLE MAIL\n\nYour message to the"
            f" following recipients cannot be delivered:\n\n<{WHO}>:\n    mx.client.example [192.0.2.1]:\n>>> DATA\n"
            "<<< 554 5.7.1 Message rejected as spam\n",
            subject="NOTICE: mail delivery status.",
        ),
        "block",
    ),
    "Exchange 5.5": (
        words(
            "Your message\n\n  To:      team@us.example\n  Subject: News\n  Sent:    Mon, 1 Jan 2001\n\ndid not reach the"
            f" following recipient(s):\n\n{WHO} on Mon, 1 Jan 2001\n    The recipient name is not recognized\n    MSEXCH"
            ":IMS:X:Y:Z 0 (000C05A6) Unknown Recipient\n",
            sender="System Administrator <postmaster@client.example>",
            subject="Undeliverable: News",
        ),
        "npai",
    ),
    "Exchange 2007": (
        words(
            "Delivery has failed to these recipients or distribution lists:\n\n"
            f"Jean Petit<mailto:{WHO}>\nThe recipient's mailbox is full and can't accept messages now.\n\n"
            "Diagnostic information for administrators:\n\n#550 5.2.2 RESOLVER.QuotaExceeded ##\n",
            sender="Microsoft Outlook <MicrosoftExchange1@client.example>",
            subject="Undeliverable: News",
        ),
        "soft",
    ),
    "GroupWise": (
        words(
            f"The message that you sent was undeliverable to the following:\n\n    {WHO} (mailbox is full)\n",
            sender="postmaster@client.example",
            subject="Message status - undeliverable",
        ),
        "soft",
    ),
    "Domino": (
        words(
            f"Your message\n\n  Subject: News\n\nwas not delivered to:\n\n  {WHO}\n\nbecause:\n\n  User jean.petit"
            " (jean.petit@client.example) not listed in Domino Directory\n",
            sender="postmaster@client.example",
            subject="DELIVERY FAILURE: User jean.petit not listed in Domino Directory",
        ),
        "npai",
    ),
    "MailMarshal": (
        words(
            "Your message:\n   From:    us@us.example\n   Subject: News\n\nCould not be delivered because of\n\n550 5.1.1"
            f" User unknown\n\nThe following recipients were affected: \n    {WHO}\n",
            sender="postmaster@client.example",
            subject="Undeliverable Mail",
        ),
        "npai",
    ),
    "MMDF": (
        words(
            f'Your message was not delivered for the following reason:\n\n(USER) Unknown user name in "{WHO}"\n',
            sender="MMDF Mail System <mmdf@client.example>",
            subject="Failed mail (msg.x)",
        ),
        "npai",
    ),
    "français": (
        words(
            f"Votre message n'a pas pu être délivré à :\n\n{WHO}\n\nLa boîte du destinataire est pleine.\n",
            subject="Échec de la remise du message",
        ),
        "soft",
    ),
    "Deutsch": (
        words(
            f"Ihre Nachricht konnte nicht zugestellt werden.\n\nFolgende Empfänger:\n\n  {WHO}\n\nDas Postfach ist voll."
            "\n",
            subject="Unzustellbar: News",
        ),
        "soft",
    ),
    "español": (
        words(
            f"No se ha podido entregar su mensaje a los siguientes destinatarios:\n\n{WHO}\n\nEl usuario no existe.\n",
            subject="No se ha podido entregar: News",
        ),
        "npai",
    ),
    "italiano": (
        words(
            f"Non è stato possibile consegnare il messaggio ai seguenti destinatari:\n\n{WHO}\n\nUtente sconosciuto\n",
            subject="Mancata consegna: News",
        ),
        "npai",
    ),
    "日本語": (
        words(
            f"次の宛先へのメールは配信できませんでした。\n\n{WHO}\n\n550 5.1.1 User unknown\n",
            subject="配信エラーのお知らせ",
        ),
        "npai",
    ),
    "Cisco": (
        (
            "From: MAILER-DAEMON@mx.example\nTo: b@us.example\nSubject: Delivery Status Notification (Failure)\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\nContent-Type:'
            " message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822;"
            f"{WHO}\nAction: failed\nStatus: 5.0.0 (permanent failure)\nDiagnostic-Code: smtp; 5.1.0 - Unknown address"
            " error 550-'5.7.1 Access denied' (delivery attempts: 0)\n\n--b--\n"
        ).encode(),
        "block",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_form_names_the_person_and_the_cause(form: str) -> None:
    """Whoever writes the report, the person that it is about is found, and what happened to them."""
    raw, bounce_class = FORMS[form]
    found = [(report.kind, report.recipient, report.bounce_class) for report in parse_report(raw)]
    assert found == [(Kind.BOUNCE, WHO, bounce_class)]


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
@pytest.mark.parametrize("form", FORMS)
def test_form_is_read_with_any_line_end(form: str, ends: bytes) -> None:
    """LF, CR LF and CR give the same reports."""
    raw, _class = FORMS[form]
    assert parse_report(raw.replace(b"\n", ends)) == parse_report(raw)


def test_list_of_recipients_is_read_with_a_cause_each() -> None:
    """Several addresses behind one announcement are several reports, each with its own reason."""
    raw = words(
        "Unable to deliver message to the following address(es).\n\n<a@client.example>:\n550 5.1.1 user unknown\n\n"
        "<b@client.example>:\n552 5.2.2 mailbox full\n\n--- Original message follows.\n\nTo: c@client.example\n"
    )
    found = {report.recipient: report.bounce_class for report in parse_report(raw)}
    assert found == {"a@client.example": "npai", "b@client.example": "soft"}


@pytest.mark.parametrize(
    "raw",
    [
        words("Could not be delivered to a@b.example? Read on.", sender="news@shop.example", subject="Your order"),
        words(
            "> could not be delivered to the following recipients:\n> a@b.example\n\nWhat does this mean?",
            sender="ann@friends.example",
            subject="Re: a question about bounces",
        ),
        words("Your mailbox is full of offers! 550 ideas.", sender="shop@shop.example", subject="550 ideas"),
    ],
)
def test_ordinary_mail_that_speaks_of_delivery_is_no_bounce(raw: bytes) -> None:
    """Words about bounces do not make a bounce, where neither the sender nor the subject is a program's."""
    assert parse_report(raw) == []


def notice(**said: object) -> list[Report]:
    """The reports of an Amazon SES notice."""
    body = json.dumps({"mail": {"messageId": "0100", "destination": [WHO]}, **said})
    return parse_report(words(body + "\n\n--\nunsubscribe here", sender="no-reply@sns.amazonaws.com", subject="AWS"))


def test_notice_of_a_sending_service_is_read() -> None:
    """A bounce that Amazon SES tells as JSON has its class by the server's words, or by its own word for it."""
    people = [{"emailAddress": WHO, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}]
    (told,) = notice(notificationType="Bounce", bounce={"bounceType": "Permanent", "bouncedRecipients": people})
    assert (told.recipient, told.bounce_class, told.rule) == (WHO, "npai", "unknown-user")
    bounce = {"bounceType": "Transient", "bounceSubType": "MailboxFull", "bouncedRecipients": [{"emailAddress": WHO}]}
    (hinted,) = notice(eventType="Bounce", bounce=bounce)
    assert (hinted.bounce_class, hinted.rule) == ("soft", "ses-mailbox-full")


def test_notice_of_a_complaint_and_of_a_success_are_read() -> None:
    """Its complaints are complaints with their type, its deliveries are successes."""
    complaint = {"complainedRecipients": [{"emailAddress": WHO}], "complaintFeedbackType": "abuse"}
    (told,) = notice(notificationType="Complaint", complaint=complaint)
    assert (told.kind, told.recipient, told.feedback_type) == (Kind.COMPLAINT, WHO, "abuse")
    (done,) = notice(notificationType="Delivery", delivery={"smtpResponse": "250 2.6.0 taken"})
    assert (done.kind, done.recipient, done.status) == (Kind.DELIVERED, WHO, "2.6.0")


@pytest.mark.parametrize("damage", ['{"notificationType":', '{"notificationType": [1, 2', '{"eventType": "Bounce"}'])
def test_damaged_notice_is_nothing(damage: str) -> None:
    """JSON that breaks off, or has not the shape that it should have, is an ordinary mail."""
    assert parse_report(words(damage, sender="no-reply@sns.amazonaws.com", subject="AWS")) == []
