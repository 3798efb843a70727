"""Mail that comes in, over a real session: taken after its effect is committed, refused where it is not ours."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from sendworker import inbound as inbound_module
from sendworker.inbound import Inbound, protocol
from sendworker.inbound_mail import address_of, open_letter, weightiest
from sillage.domain.bounce import BounceClass, Kind, Report
from sillage.lake.event import EventType
from sillage.settings import ROOT, Settings
from sillage.store import unmatched
from sillage.store.database import Store
from sillage.store.tables import files, unmatched_mail
from sillage.tokens import TokenKey
from tests.conftest import SECRET, free_port
from tests.listening import EMAIL, Scene

DOMAIN = "bounces.sillage.example"


def bounce_mail(
    *, status: str = "5.1.1", words: str = "550 5.1.1 User unknown", action: str = "failed", message_id: str = "<1@mx>"
) -> bytes:
    """A delivery status notification, as it goes over the wire."""
    return f"""\
From: MAILER-DAEMON@mx.example
Message-ID: {message_id}
Subject: Undelivered Mail
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your message could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {EMAIL}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {words}

--b--
""".replace("\n", "\r\n").encode()


def feedback_mail(original: str, *, kind: str = "abuse") -> bytes:
    """A feedback report about a message with these headers."""
    return f"""\
From: feedback@provider.example
Message-ID: <f1@provider>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

A person complained.
--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Provider/1.0
Version: 1

--b
Content-Type: message/rfc822

{original}
Subject: News

Hello
--b--
""".replace("\n", "\r\n").encode()


@dataclass(slots=True)
class Post:
    """An inbound server at a port, and the scene that it serves."""

    port: int
    scene: Scene

    async def send(self, to: str, raw: bytes, *, sender: str = "") -> tuple[int, str]:
        """The reply to one mail: of RCPT where that refused it, else of DATA."""
        return await asyncio.to_thread(self._send, to, raw, sender)

    def _send(self, to: str, raw: bytes, sender: str) -> tuple[int, str]:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as session:
            session.ehlo("mx.example")
            session.mail(sender)
            code, words = session.rcpt(to)
            if code == 250:
                code, words = session.data(raw)
        return code, words.decode()

    async def raw(self, talk: Callable[[socket.socket], bytes]) -> bytes:
        """What a talk over a bare socket brings."""

        def run() -> bytes:
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line:
                return talk(line)

        return await asyncio.to_thread(run)

    @property
    def return_path(self) -> str:
        """Where bounces of the scene's message go."""
        return f"b-{self.scene.mailbox_token}@{DOMAIN}"

    def kept(self) -> list[tuple[Path, str]]:
        """The files in the register: path and kind."""
        with self.scene.store.read() as conn:
            return [(Path(row.path), row.kind) for row in conn.execute(sa.select(files))]

    def aside(self) -> list[tuple[str, str]]:
        """The mails that wait to be looked at: kind and reason."""
        with self.scene.store.read() as conn:
            return [(row.kind, row.reason) for row in conn.execute(sa.select(unmatched_mail))]


@pytest.fixture
async def post(store: Store, settings: Settings) -> AsyncIterator[Post]:
    """An inbound server on this loop."""
    scene = Scene.set_up(store, SECRET)
    inbound = Inbound(settings)
    server = await asyncio.get_running_loop().create_server(lambda: protocol(inbound, DOMAIN), host="127.0.0.1", port=0)
    yield Post(server.sockets[0].getsockname()[1], scene)
    server.close()
    await server.wait_closed()
    inbound.close()


async def test_permanent_bounce_stops_mail_before_250(post: Post) -> None:
    """A report to the return path is carried out when 250 is said: suppressed, with its event."""
    assert (await post.send(post.return_path, bounce_mail()))[0] == 250
    assert post.scene.suppressed() == "npai"
    (event,) = post.scene.events()
    assert (event.type, event.via, event.bounce_class) == (EventType.BOUNCED, "mail", "npai")
    assert (event.provider, event.status, event.smtp_code) == ("gmail", "5.1.1", 550)


async def test_return_path_is_read_in_any_case(post: Post) -> None:
    """Servers may fold the case of an address."""
    assert (await post.send(post.return_path.upper(), bounce_mail()))[0] == 250
    assert post.scene.suppressed() == "npai"


async def test_replayed_bounce_is_taken_and_told_once(post: Post) -> None:
    """The same report three times, and a copy under another Message-ID: one event (trap 12)."""
    for message_id in ("<1@mx>", "<1@mx>", "<1@mx>", "<2@mx>"):
        assert (await post.send(post.return_path, bounce_mail(message_id=message_id)))[0] == 250
    assert len(post.scene.events()) == 1


async def test_soft_bounce_keeps_the_person(post: Post) -> None:
    """A full mailbox is an event, and nothing more."""
    await post.send(post.return_path, bounce_mail(status="5.2.2", words="552 5.2.2 Mailbox full"))
    assert post.scene.suppressed() is None
    assert post.scene.events()[0].reason == "mailbox_full"


async def test_late_warning_is_nothing(post: Post) -> None:
    """A warning that delivery is late is taken and has no effect."""
    late = bounce_mail(action="delayed", status="4.4.1", words="451 timed out")
    assert (await post.send(post.return_path, late))[0] == 250
    assert post.scene.events() == []
    assert post.aside() == []


async def test_automatic_reply_is_an_event_without_effect(post: Post) -> None:
    """Out of office: the contact stays (trap 22)."""
    away = (
        b"From: jean@x.example\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nUser unknown, ha.\r\n"
    )
    await post.send(post.return_path, away)
    assert [event.type for event in post.scene.events()] == [EventType.AUTOREPLIED]
    assert post.scene.suppressed() is None


async def test_unrecognised_mail_is_put_aside(post: Post, settings: Settings) -> None:
    """What no rule knows has no effect and is kept, registered and listed, for a person to look at (trap 21)."""
    odd = b"From: MAILER-DAEMON@x.example\r\nSubject: Undelivered Mail\r\n\r\nblurb " + EMAIL.encode() + b"\r\n"
    assert (await post.send(post.return_path, odd))[0] == 250
    assert post.scene.events() == []
    assert post.aside() == [("bounce", "unrecognised")]
    ((path, kind),) = post.kept()
    assert path.is_relative_to(settings.files_dir)
    assert b"blurb" in path.read_bytes()
    assert kind == "unmatched_mail"


@pytest.mark.parametrize(
    "address",
    [
        f"b-{'a' * 44}@{DOMAIN}",
        f"u-{'7' * 44}@{DOMAIN}",
        f"b-@{DOMAIN}",
        f"x-{'a' * 44}@{DOMAIN}",
        f"postmaster@{DOMAIN}",
        f"fbl@{DOMAIN}.evil.example",
        "jean@elsewhere.example",
        "fbl",
    ],
)
async def test_forged_or_foreign_address_is_refused(post: Post, address: str) -> None:
    """A token that we did not sign, and any mailbox that is none of ours, is a 550 at RCPT (trap 24)."""
    assert (await post.send(address, bounce_mail()))[0] == 550
    assert post.scene.suppressed() is None


async def test_mailed_wish_unsubscribes(post: Post) -> None:
    """A mail to the unsubscribe address is the wish, whatever it says, and once."""
    for _ in range(2):
        code, _words = await post.send(
            f"u-{post.scene.mailbox_token}@{DOMAIN}", b"Subject: x\r\n\r\n", sender="jean@x.example"
        )
        assert code == 250
    assert post.scene.consent()[0] == "withdrawn"
    (event,) = post.scene.events()
    assert (event.type, event.via) == (EventType.UNSUBSCRIBED, "mailto")


@pytest.mark.parametrize("where", ["message_id", "return_path", "list_unsubscribe", "mailto", "folded"])
async def test_complaint_is_joined_by_what_it_quotes(post: Post, where: str) -> None:
    """A feedback report names the message by any token of ours in the original's headers."""
    token, url_token = post.scene.mailbox_token, post.scene.token
    original = {
        "message_id": f"Message-ID: <{token}@{DOMAIN}>",
        "return_path": f"Return-Path: <b-{token}@{DOMAIN}>",
        "list_unsubscribe": f"List-Unsubscribe: <https://t.example/u/{url_token}>",
        "mailto": f"List-Unsubscribe: <mailto:u-{token.upper()}@{DOMAIN}>",
        "folded": f"X-Other: 1\nMessage-ID:\n <{token}@{DOMAIN}>",
    }[where]
    assert (await post.send(f"fbl@{DOMAIN}", feedback_mail(original)))[0] == 250
    assert post.scene.suppressed() == "complaint"
    assert post.scene.consent()[0] == "withdrawn"
    (event,) = post.scene.events()
    assert (event.type, event.via) == (EventType.COMPLAINED, "feedback_loop")


@pytest.mark.parametrize("kind", ["auth-failure", "not-spam", "virus", "other"])
async def test_report_that_is_no_complaint_has_no_effect(post: Post, kind: str) -> None:
    """Reports on authentication, of viruses, of «not spam» and of nothing in particular stop nothing."""
    original = f"Message-ID: <{post.scene.mailbox_token}@{DOMAIN}>"
    assert (await post.send(f"fbl@{DOMAIN}", feedback_mail(original, kind=kind)))[0] == 250
    assert post.scene.suppressed() is None
    assert post.scene.events() == []


async def test_complaint_about_nobody_is_put_aside(post: Post) -> None:
    """A report that quotes no token of ours is taken, listed, and has no effect."""
    forged = feedback_mail(f"Message-ID: <{'a' * 44}@{DOMAIN}>\nTo: {EMAIL}")
    assert (await post.send(f"fbl@{DOMAIN}", forged))[0] == 250
    assert post.aside() == [("complaint", "unmatched")]
    assert post.scene.events() == []


async def test_list_that_is_full_takes_no_more(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may write to the feedback address: it can't fill the disk, and says so to who sends."""
    monkeypatch.setattr(unmatched, "MAX_LISTED", 1)
    assert (await post.send(f"fbl@{DOMAIN}", feedback_mail("X: y")))[0] == 250
    assert (await post.send(f"fbl@{DOMAIN}", feedback_mail("X: y")))[0] == 451
    assert len(post.aside()) == 1


async def test_ops_that_is_down_is_a_451_with_nothing_done(post: Post) -> None:
    """While ops refuses, the sender keeps the mail: nothing is half done, and the next try is carried out."""
    with post.scene.store.write() as conn:
        conn.exec_driver_sql("alter table outbox rename to outbox_away")
    assert (await post.send(post.return_path, bounce_mail()))[0] == 451
    with post.scene.store.write() as conn:
        conn.exec_driver_sql("alter table outbox_away rename to outbox")
    assert post.scene.suppressed() is None
    assert (await post.send(post.return_path, bounce_mail()))[0] == 250
    assert post.scene.suppressed() == "npai"


async def test_mail_that_is_too_large_is_refused(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the limit is refused with 552, whether it was announced or not."""
    monkeypatch.setattr(inbound_module, "MAX_BYTES", 10_000)
    code, _words = await post.send(post.return_path, bounce_mail() + b"x" * 70 + b"\r\n" + b"y\r\n" * 10_000)
    assert code == 552


async def test_report_with_an_endless_line_is_taken(post: Post) -> None:
    """Reports quote lines of any length: 20,000 characters are no reason to lose one."""
    assert (await post.send(post.return_path, bounce_mail() + b"x" * 20_000 + b"\r\n"))[0] == 250
    assert post.scene.suppressed() == "npai"


async def test_bare_line_feed_ends_no_message(post: Post) -> None:
    """A dot between bare line feeds is text: no second message can be smuggled in behind it (trap 47)."""
    smuggled = f"\nMAIL FROM:<>\r\nRCPT TO:<u-{post.scene.mailbox_token}@{DOMAIN}>\r\nDATA\r\nx\r\n".encode()

    def talk(line: socket.socket) -> bytes:
        reader = line.makefile("rb")
        reader.readline()
        for command in (b"HELO x", b"MAIL FROM:<>", f"RCPT TO:<{post.return_path}>".encode(), b"DATA"):
            line.sendall(command + b"\r\n")
            reader.readline()
        line.sendall(bounce_mail() + b"\n.\n" + smuggled + b"\r\n.\r\n")
        reply = reader.readline()
        line.sendall(b"QUIT\r\n")
        rest = reader.read()
        reader.close()
        return reply + rest

    replies = (await post.raw(talk)).split(b"\r\n")
    assert replies[0].startswith((b"250", b"500"))
    assert replies[1].startswith(b"221")
    assert post.scene.consent()[0] == "granted"


async def test_dot_stuffing_is_undone(post: Post, settings: Settings) -> None:
    """A line that begins with a dot comes out as it was written."""
    await post.send(f"fbl@{DOMAIN}", b"Subject: x\r\n\r\n.dot\r\n..two\r\n")
    (kept,) = (settings.files_dir / "unmatched").iterdir()
    assert kept.read_bytes().endswith(b"\r\n.dot\r\n..two\r\n")


async def test_hostile_mail_hurts_nobody(post: Post) -> None:
    """A thousand parts deep, broken charsets, no line end: taken, and the server goes on."""
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(1000))
    assert (await post.send(f"fbl@{DOMAIN}", deep))[0] == 250
    assert (await post.send(f"fbl@{DOMAIN}", b"Subject: =?x-klingon?b?////?=\r\n\r\n\xff\xfe"))[0] == 250
    assert (await post.send(post.return_path, bounce_mail()))[0] == 250
    assert post.scene.suppressed() == "npai"


async def test_several_recipients_of_one_mail_are_each_served(post: Post) -> None:
    """One report to two return paths is about both messages."""
    with post.scene.store.write() as conn:
        other = msgspec.structs.replace(post.scene.recipient, contact_id=post.scene.add_contact(conn, "b@free.example"))
    second = f"b-{post.scene.key.sign_for_mailbox(other)}@{DOMAIN}"

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", post.port, timeout=20) as session:
            session.sendmail("", [post.return_path, second], bounce_mail())

    await asyncio.to_thread(send)
    assert {event.contact_id for event in post.scene.events()} == {post.scene.recipient.contact_id, other.contact_id}


async def test_bounce_of_30_megabytes_is_taken(post: Post) -> None:
    """A server that returns all that it refused, attachments and all, is heard."""
    raw = bounce_mail().replace(b"--b--", b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + b"x" * 70 + b"\r\n")
    assert (await post.send(post.return_path, raw + (b"y" * 70 + b"\r\n") * 420_000))[0] == 250
    assert post.scene.suppressed() == "npai"


async def test_burst_of_returned_mail_takes_few_turns_of_ops(post: Post) -> None:
    """Mails that come while ops is busy are carried out together, and each sender hears 250 after that commit."""
    commits: list[int] = []

    def count(_conn: object) -> None:
        commits.append(1)

    sa.event.listen(sa.engine.Engine, "commit", count)
    try:
        with post.scene.store.write():
            burst = [
                asyncio.create_task(post.send(post.return_path, bounce_mail(message_id=f"<{n}@mx>", status="4.2.2",
                                                                            words="452 4.2.2 mailbox full")))
                for n in range(30)
            ]  # fmt: skip
            await asyncio.sleep(1)
            assert not any(task.done() for task in burst)
            commits.clear()
        codes = [code for code, _words in await asyncio.gather(*burst)]
    finally:
        sa.event.remove(sa.engine.Engine, "commit", count)
    assert codes == [250] * 30
    assert len(commits) < 25
    assert len(post.scene.events()) == 30


async def test_mail_that_fails_takes_no_other_with_it(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a group one mail that can't be kept is put off, and the others are taken."""
    monkeypatch.setattr(unmatched, "MAX_LISTED", 0)
    with post.scene.store.write():
        stranger = asyncio.create_task(post.send(f"fbl@{DOMAIN}", feedback_mail("Message-ID: <x@y>")))
        known = [
            asyncio.create_task(post.send(post.return_path, bounce_mail(message_id=f"<{n}@mx>"))) for n in range(5)
        ]
        await asyncio.sleep(1)
    assert (await stranger)[0] == 451
    assert {code for code, _words in await asyncio.gather(*known)} == {250}


def redacted(account_id: int, *, sender: str = "feedback@arf.mail.yahoo.com") -> bytes:
    """A complaint that quotes our Feedback-ID and the person, and no token of ours."""
    mail = feedback_mail(f"Feedback-ID: 1:1:{account_id}:sillage\nTo: {EMAIL}")
    return mail.replace(b"feedback@provider.example", sender.encode())


async def test_complaint_is_tied_by_feedback_id_and_address(post: Post) -> None:
    """Without a token, a known loop's report is tied by our Feedback-ID and the person whom that campaign was for."""
    post.scene.add_delivery()
    code, _words = await post.send(f"fbl@{DOMAIN}", redacted(post.scene.account_id))
    assert code == 250
    assert [event.type for event in post.scene.events()] == [EventType.COMPLAINED]
    assert post.scene.suppressed() == "complaint"


@pytest.mark.parametrize("case", ["foreign account", "unknown loop", "no delivery"])
async def test_complaint_with_a_feedback_id_that_proves_nothing_is_put_aside(post: Post, case: str) -> None:
    """A Feedback-ID can be read in any of our mails: alone, or from just anybody, it ends no relation."""
    if case != "no delivery":
        post.scene.add_delivery()
    mail = redacted(
        post.scene.account_id + (case == "foreign account"),
        sender="eve@evil.example" if case == "unknown loop" else "feedback@arf.mail.yahoo.com",
    )
    code, _words = await post.send(f"fbl@{DOMAIN}", mail)
    assert (code, post.scene.events()) == (250, [])
    assert post.aside() == [("complaint", "unmatched")]


def test_address_of_refuses_another_key() -> None:
    """A token of another installation names nobody here."""
    scene = Scene(None, SECRET, 1, None)  # type: ignore[arg-type]
    assert scene.secret
    assert address_of(f"b-{'a' * 44}@{DOMAIN}", DOMAIN, TokenKey(SECRET)) is None
    found = address_of(f"FBL@{DOMAIN.upper()}.", DOMAIN, TokenKey(SECRET))
    assert found is not None
    assert open_letter(os.urandom(500), found, TokenKey(SECRET)).recipient is None


def test_of_several_forwards_one_that_is_gone_is_not_the_person() -> None:
    """A report on several addresses behind one return path: permanent only where all are."""
    gone = Report(Kind.BOUNCE, bounce_class=BounceClass.NPAI, action="failed")
    full = Report(Kind.BOUNCE, bounce_class=BounceClass.SOFT, action="failed")
    late = Report(Kind.BOUNCE, bounce_class=BounceClass.TRANSIENT, action="delayed")
    assert weightiest([gone, full, late]) == full
    assert weightiest([late, gone]) == gone
    assert weightiest([]) is None


def test_process_serves_and_stops_cleanly(store: Store, settings: Settings, tmp_path: Path) -> None:
    """`python -m sendworker.inbound` takes mail on its port, and SIGTERM ends it without a word of error."""
    scene = Scene.set_up(store, SECRET)
    values: dict[str, Any] = {"data_dir": settings.data_dir, "secret": SECRET, "demo": True}
    own = Settings(inbound_port=free_port(), **values)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sendworker.inbound"], cwd=ROOT, env=own.environment(), stderr=log
        )
    try:
        for _ in range(300):
            try:
                with smtplib.SMTP("127.0.0.1", own.inbound_port, timeout=20) as session:
                    session.sendmail("", [f"b-{scene.mailbox_token}@{DOMAIN}"], bounce_mail())
            except ConnectionRefusedError:
                time.sleep(0.05)
            else:
                break
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
    assert scene.suppressed() == "npai"
    text = (tmp_path / "log").read_text()
    assert "Traceback" not in text
    assert EMAIL not in text
