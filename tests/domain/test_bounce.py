"""What a refusal and a returned mail mean."""

from __future__ import annotations

import csv
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sillage.commands.bounce import app
from sillage.domain.bounce import (
    PERMANENT,
    BounceClass,
    Kind,
    Report,
    classify,
    parse_report,
    without_person,
)
from sillage.domain.bounce_rules import built_in_rules, parse_rules, rules_with
from sillage.domain.phrases import any_of, lowered
from sillage.domain.returned_mail import read
from sillage.errors import BadInput

DSN = """\
From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: b-x@bounces.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Message-ID: <r1@mx.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

This is a MIME-encapsulated message.

--b
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; Jean@gmail.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {diagnostic}

--b
Content-Type: message/rfc822

Message-ID: <original@sender.example>
From: news@sender.example
To: jean@gmail.example
Subject: News

User unknown, mailbox full, spam, blacklisted: words of our own that must not be read.
--b--
"""

FEEDBACK = """\
From: <abuse@provider.example>
Subject: FW: News
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {type}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <jean@yahoo.example>

--b
Content-Type: message/rfc822

Message-ID: <token@bounces.example>
To: jean@yahoo.example

Hello
--b--
"""


def dsn(action: str = "failed", status: str = "5.1.1", diagnostic: str = "550 5.1.1 User unknown") -> bytes:
    """A delivery status notification about one recipient."""
    return DSN.format(action=action, status=status, diagnostic=diagnostic).encode()


def only(raw: bytes) -> Report:
    """The one report that a mail gives."""
    (report,) = parse_report(raw)
    return report


@pytest.mark.parametrize(
    ("code", "status", "text", "bounce_class", "reason"),
    [
        (550, "5.1.1", "5.1.1 <a@b.example>: Recipient address rejected: User unknown", "npai", "unknown_user"),
        (550, None, "Requested action not taken: mailbox unavailable", "npai", "unknown_user"),
        (550, "5.1.2", "5.1.2 Host or domain name not found", "hard", "invalid_domain"),
        (556, "5.1.10", "Recipient address has null MX", "hard", "host_accepts_no_mail"),
        (552, "5.2.2", "5.2.2 The email account that you tried to reach is over quota", "soft", "mailbox_full"),
        (550, "5.2.1", "The email account that you tried to reach is disabled", "soft", "account_disabled"),
        (552, "5.3.4", "Message size exceeds fixed limit", "soft", "message_too_big"),
        (421, "4.7.0", "Too many connections from your IP, slow down", "transient", "rate_limited"),
        (450, "4.2.0", "Greylisted, please try again in 300 seconds", "transient", "greylisted"),
        (451, None, "Temporary local problem, please try later", "transient", "system"),
        (550, "5.7.1", "Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org", "block", "reputation"),
        (550, "5.7.26", "This mail is unauthenticated: SPF and DKIM did not pass", "block", "authentication"),
        (554, "5.7.1", "Message rejected as spam by content scanning", "block", "spam"),
        (554, "5.7.1", "Relay access denied", "block", "relay_denied"),
        (550, "5.7.1", "", "block", "policy"),
        (452, None, "", "soft", "system_full"),
        (550, "5.1.1", "", "npai", "unknown_user"),
    ],
)
def test_classify_reads_words_then_status_then_code(
    code: int, status: str | None, text: str, bounce_class: str, reason: str
) -> None:
    """The words decide, then the enhanced status, then the bare code."""
    verdict = classify(code, status, text)
    assert (verdict.bounce_class, verdict.reason) == (bounce_class, reason)
    assert verdict.rule


@pytest.mark.parametrize("text", ["", "the cat sat on the mat", "5.0.0 computer says no", "\u0000" * 50])
def test_unrecognised_refusal_is_never_permanent(text: str) -> None:
    """What no rule knows is unknown: nobody is lost by it (trap 21)."""
    verdict = classify(550, "5.0.0", text)
    assert (verdict.bounce_class, verdict.rule) == (BounceClass.UNKNOWN, None)


def test_block_list_that_speaks_of_the_recipient_keeps_the_contact() -> None:
    """550 5.7.1 by a block list is the sender's problem, whatever else the text mentions (trap 22)."""
    text = "5.7.1 Recipient address rejected: listed at bl.example block list; user unknown to us"
    assert classify(550, "5.7.1", text).bounce_class is BounceClass.BLOCK


def test_temporary_refusal_ends_no_relation() -> None:
    """A 4xx that says user unknown asks us to come back: it is not permanent."""
    assert classify(450, "4.1.1", "User unknown in virtual table").bounce_class is BounceClass.TRANSIENT


@given(st.integers(400, 599) | st.none(), st.text(max_size=8) | st.none(), st.text())
def test_classify_survives_any_reply(code: int | None, status: str | None, text: str) -> None:
    """Any reply has a class, and only a rule of ours makes it permanent."""
    verdict = classify(code, status, text)
    assert verdict.rule or verdict.bounce_class not in PERMANENT


def test_parse_report_reads_a_delivery_status() -> None:
    """RFC 3464: recipient, status, code and words of each recipient, and the Message-ID of what came back."""
    report = only(dsn())
    assert report.kind is Kind.BOUNCE
    assert report.recipient == "jean@gmail.example"
    assert (report.bounce_class, report.reason) == (BounceClass.NPAI, "unknown_user")
    assert (report.status, report.smtp_code) == ("5.1.1", 550)
    assert report.original_message_id == "original@sender.example"
    assert report.diagnostic == "550 5.1.1 User unknown"
    assert report.is_certain


def test_parse_report_does_not_read_our_own_message() -> None:
    """The words of the message that came back say nothing about why it did."""
    report = only(dsn(status="5.0.0", diagnostic="550 computer says no"))
    assert report.bounce_class is BounceClass.UNKNOWN


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_parse_report_reads_any_line_end(line_end: bytes) -> None:
    """LF, CR LF and CR say the same."""
    assert only(dsn().replace(b"\n", line_end)) == only(dsn())


def test_parse_report_reads_several_recipients() -> None:
    """One report for each recipient, each with a verdict of its own."""
    second = "\nFinal-Recipient: rfc822; b@x.example\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 full\n"
    raw = dsn().decode().replace("User unknown\n\n--b", "User unknown\n" + second + "\n--b", 1)
    found = parse_report(raw.encode())
    assert [(r.recipient, r.bounce_class) for r in found] == [
        ("jean@gmail.example", BounceClass.NPAI),
        ("b@x.example", BounceClass.SOFT),
    ]


def test_success_report_is_no_bounce() -> None:
    """Action: delivered tells of success."""
    assert only(dsn(action="delivered", status="2.0.0", diagnostic="250 ok")).kind is Kind.DELIVERED


def test_delay_warning_is_not_final_and_never_permanent() -> None:
    """A warning that delivery is late decides nothing, whatever its words."""
    report = only(dsn(action="delayed", status="4.1.1", diagnostic="450 User unknown"))
    assert not report.is_final
    assert report.bounce_class is BounceClass.TRANSIENT


def test_automatic_reply_and_challenge_are_no_bounces() -> None:
    """A program that answers for somebody away, or asks us for proof, says nothing of the address (trap 22)."""
    away = b"From: jean@x.example\nSubject: Re: News\nAuto-Submitted: auto-replied\n\nUser unknown? No, on holiday.\n"
    asks = b"From: jean@x.example\nSubject: Please confirm your message\nIn-Reply-To: <a@b>\n\nClick to be delivered.\n"
    assert only(away).kind is Kind.AUTOREPLY
    assert only(asks).kind is Kind.CHALLENGE


def test_ordinary_mail_is_nothing() -> None:
    """A person's letter gives no report, even one about bounces."""
    raw = b"From: jean@x.example\nSubject: lunch\n\nMy mailbox is full of user unknown, mail a@b.example instead.\n"
    assert parse_report(raw) == []


def test_unsubscribe_is_a_wish_and_a_mention_is_none() -> None:
    """The word as the whole of the subject is a wish; within a letter it is a word."""
    assert only(b"From: a@b.example\nSubject: Unsubscribe\n\n").kind is Kind.UNSUBSCRIBE
    assert parse_report(b"From: a@b.example\nSubject: Re: News\n\nIs the unsubscribe link broken?\n") == []


def test_parse_report_reads_plain_words() -> None:
    """A returned mail without a machine's report is read by its words (qmail's way)."""
    raw = (
        b"From: MAILER-DAEMON@mx.example\nTo: a@sender.example\nSubject: failure notice\n\n"
        b"Hi. This is the qmail-send program.\n\n<jean@x.example>:\n192.0.2.1 does not like recipient.\n"
        b"Remote host said: 550 5.1.1 no such user here\nGiving up on 192.0.2.1.\n\n"
        b"--- Below this line is a copy of the message.\n\nTo: jean@x.example\n"
    )
    report = only(raw)
    assert (report.recipient, report.reason) == ("jean@x.example", "unknown_user")


@pytest.mark.parametrize("kind", ["abuse", "opt-out", "auth-failure", "not-spam"])
def test_parse_report_reads_feedback(kind: str) -> None:
    """RFC 5965: the type of the complaint, the person, and the message it is about."""
    report = only(FEEDBACK.format(type=kind).encode())
    assert (report.kind, report.feedback_type) == (Kind.COMPLAINT, kind)
    assert report.recipient == "jean@yahoo.example"
    assert report.original_message_id == "token@bounces.example"


@given(st.binary(max_size=3000))
def test_parse_report_survives_any_bytes(raw: bytes) -> None:
    """Any bytes give a list, and never an error."""
    assert isinstance(parse_report(raw), list)


@given(st.binary(max_size=600), st.integers(0, 1500))
def test_parse_report_survives_damage(noise: bytes, at: int) -> None:
    """A report with bytes torn out or put in is read as far as it goes."""
    raw = dsn()
    assert isinstance(parse_report(raw[:at] + noise + raw[at + 40 :]), list)


HEAD = b"From: MAILER-DAEMON@x.example\nTo: a@b.example\nSubject: Undelivered Mail\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(1000)),
        b"Content-Type: message/rfc822\n\n" * 20_000,
        HEAD + b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n\n<a@b.example>: 550 5.1.1 no\n" * 10_000,
        HEAD + b"X-Header: without end\n" * 200_000,
        HEAD + b" and folded without end\n" * 200_000,
        HEAD + b'\n{"notificationType":' + b"[" * 300_000,
        HEAD + b"Content-Type: text/plain; charset=utf-16\n\n" + b"\xff\xfe\xfd" * 300_000,
        HEAD + b"\n" + b"could not be delivered to the following recipients: " * 600_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n" * 100_000,
        HEAD + b"Content-Type: text/html\n\n" + b"<style" * 60_000,
        HEAD + b"Content-Type: text/html\n\n" + b"<" * 300_000,
        HEAD + b"\n" + b"mailbox" * 60_000,
        HEAD + b"\n" + b"-" * 400_000,
        HEAD + b"\n" + b" " * 400_000,
        HEAD + b"\n" + b"a@a." * 100_000,
        HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"a-b" * 60_000,
        HEAD + b'Content-Type: text/plain; charset="klingon"\nContent-Transfer-Encoding: base64\n\n@@@=\xff\xfe',
        b"Content-Type: message/delivery-status\n\nFinal-Recipient: x\n" + b"zz\n" * 100_000,
        b"Subject: =?utf-8?b?" + b"A" * 50_000 + b"?=\n\nx",
    ],
    ids=lambda raw: repr(raw[-12:]),
)
def test_parse_report_is_bounded_on_hostile_mail(raw: bytes) -> None:
    """A mail made to exhaust us (depth, parts, endless lines) is read within seconds, also on a busy machine."""
    start = time.process_time()
    parse_report(raw)
    assert time.process_time() - start < 5


def test_report_that_a_gateway_wrapped_is_read() -> None:
    """A returned mail that only wraps another's report says what that report says."""
    outer = (
        b"From: MAILER-DAEMON@gate.example\nSubject: Returned mail: User unknown\n"
        b'Content-Type: multipart/mixed; boundary="o"\n\n--o\n\nThe following addresses had permanent errors\n--o\n'
        b"Content-Type: message/rfc822\n\n" + dsn() + b"\n--o--\n"
    )
    assert (only(outer).recipient, only(outer).bounce_class) == ("jean@gmail.example", BounceClass.NPAI)


def test_own_rules_are_asked_first_and_named_when_wrong(tmp_path: Path) -> None:
    """A user's file decides before the built-in rules; a fault in it names the file and the rule."""
    own = tmp_path / "own.toml"
    own.write_text(
        '[[rule]]\nid = "ours"\nclass = "block"\nreason = "policy"\nwords = ["user unknown"]\nsource = "us"\n'
        "date = 2026-11-24\n"
    )
    (report,) = parse_report(dsn(), rules_with(own))
    assert (report.rule, report.bounce_class) == ("ours", BounceClass.BLOCK)
    own.write_text('[[rule]]\nid = "ours"\nclass = "block"\nwords = ["("]\nsource = "us"\ndate = 2026-11-24\n')
    with pytest.raises(BadInput, match=r"own\.toml, rule ours: a pattern can't be read"):
        rules_with.__wrapped__(own)
    with pytest.raises(BadInput, match=r"away\.toml can't be read"):
        rules_with(tmp_path / "away.toml")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("gr[ae]y.?list", "greylisted"), ("(user|account) .{0,9}unknown", "user is unknown"), ("a|", ""), ("x?y*", "none"),
     ("(?:ab)+c", "ababc"), ("[0-9]{3}", "550"), ("(?<!not )listed in", "listed in"), ("É|é", "é")],
)  # fmt: skip
def test_phrases_find_what_their_patterns_match(pattern: str, text: str) -> None:
    """Looking for literals first loses no match."""
    assert any_of([pattern]).found_in(lowered(text))


@given(st.text(max_size=60))
def test_phrases_agree_with_one_regular_expression(text: str) -> None:
    """On any text a list of phrases says what the alternation of them says."""
    patterns = ["unknown|not found", "us[e3]r.{0,5}x", "a+b", "(?:no|bad) such", "é"]
    small = lowered(text)
    together = re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)
    assert any_of(patterns).found_in(small) == bool(together.search(small))
    assert len(small) == len(text)


def test_read_takes_a_mail_out_of_a_mailbox_file() -> None:
    """A line `From ` at the beginning is the mailbox's, not the mail's."""
    assert read(b"From x Mon Jan 1\nSubject: h\xc3\xa9\n\nx").headers.get("subject") == "hé"


def test_without_person_takes_out_address_and_local_part() -> None:
    """A diagnostic that is kept names nobody."""
    text = without_person("550 <Jean.Dupont@x.example>: user jean.dupont not found", "jean.dupont@x.example")
    assert "jean" not in text.lower()


@pytest.mark.parametrize(
    "text",
    [
        '[[rule]]\nid = "a"\nclass = "npai"\nsource = "s"\ndate = 2026-01-01\n',
        '[[rule]]\nid = "a"\nclass = "npai"\nwords = ["x"]\ndate = 2026-01-01\n',
        '[[rule]]\nid = "a"\nclass = "npai"\nreason = "spam"\nwords = ["x"]\nsource = "s"\ndate = 2026-01-01\n',
    ],
)
def test_bounce_rules_without_condition_or_source_are_refused(text: str) -> None:
    """A rule has a condition, a source, a date, and a reason of its class."""
    with pytest.raises(BadInput, match="rule a"):
        parse_rules(text)


def test_bounce_rules_are_read() -> None:
    """The rules that come with Sillage are sound, and each has a name of its own."""
    assert len({rule.id for rule in built_in_rules()}) > 40


def test_explain_prints_json(tmp_path: Path) -> None:
    """`sillage bounce explain` says what a mail means, one file as a list, a folder as lines."""
    (tmp_path / "a.eml").write_bytes(dsn())
    one = CliRunner().invoke(app, ["explain", str(tmp_path / "a.eml")])
    assert json.loads(one.stdout)[0]["class"] == "npai"
    many = CliRunner().invoke(app, ["explain", "--batch", str(tmp_path)])
    line = json.loads(many.stdout)
    assert line["file"] == "a.eml"
    assert set(line["results"][0]) == {
        "kind", "recipient", "class", "reason", "status", "smtp_code", "rule", "diagnostic", "original_message_id",
        "feedback_type",
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [["explain"], ["explain", "nowhere.eml"], ["explain", "--batch", "nowhere"]])
def test_explain_refuses_what_is_not_there(arguments: list[str]) -> None:
    """A missing file is named in one clear line."""
    assert isinstance(CliRunner().invoke(app, arguments).exception, BadInput)


def test_real_returned_mail_is_read_at_least_as_well_as_before(shared: Path) -> None:
    """On real mail, kinds and classes stay at the level that was reached (labels.csv beside it says what is right)."""
    folder = shared / "data" / "bounces"
    labels = csv.DictReader((folder / "labels.csv").read_text("utf-8").splitlines())
    rows = [row for row in labels if not row["variant_of"] and not row["dup_of"]]
    kinds = classes = permanent = 0
    for row in rows:
        found = parse_report((folder / row["file"]).read_bytes())
        first = found[0] if found else None
        kind = first.kind.value if first else "not_bounce"
        kinds += kind == row["kind"]
        accepted = set(row["class_ok"].replace(";", "|").split("|"))
        said = first.bounce_class if first and first.kind is Kind.BOUNCE else kind
        classes += said in accepted
        permanent += bool(first and first.bounce_class in PERMANENT and row["kind"] in {"not_bounce", "autoreply"})
    assert kinds / len(rows) > 0.985
    assert classes / len(rows) > 0.97
    assert permanent == 0
