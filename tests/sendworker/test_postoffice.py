"""The post office at work: real SMTP and HTTP on loopback, against a web server and a mail server that record."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import json
import smtplib
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from sendworker.postoffice.ledger import open_to_read
from sendworker.postoffice.office import Plan, PostOffice
from sendworker.postoffice.people import Bounce, People, Person, Stage, Unsubscribes
from sendworker.postoffice.server import MAX_SIZE, Rules

TOKEN = "T" * 36
SENDER = "b-tok@bounces.sillage.example"
FORM = '<form method="post"><input type="hidden" name="confirm" value="yes"><button>Leave</button></form>'


@dataclass
class Request:
    """One HTTP request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Platform:
    """What the mails point at: it answers as a tracker would, and records. `failures`: 503 so many times first."""

    requests: list[Request] = field(default_factory=list)
    mails: list[Envelope] = field(default_factory=list)
    failures: int = 0
    refusals: int = 0
    web_port: int = 0
    mail_port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append(Request(method, path, headers, body))
                writer.write(self.answer(method, path))

    def answer(self, method: str, path: str) -> bytes:
        """A response."""
        if self.failures:
            self.failures -= 1
            return b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        if path.startswith("/c/"):
            return (
                b"HTTP/1.1 302 Found\r\nLocation: https://shop.example/\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
            )
        body = FORM.encode() if path.startswith("/u/") and method == "GET" else b"ok"
        sent = b"" if method == "HEAD" else body
        cookie = b"Set-Cookie: csrf=c1; Path=/\r\n" if path.startswith("/u/") else b""
        return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%b" % (cookie, len(body), sent)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a report."""
        if self.refusals:
            self.refusals -= 1
            return "451 4.3.0 later"
        self.mails.append(envelope)
        return "250 OK"

    def report(self) -> Any:
        """The only mail that came, parsed."""
        assert len(self.mails) == 1
        return email.message_from_bytes(self.mails[0].original_content or b"", policy=email.policy.default)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    """A recording platform on free ports."""
    found = Platform()
    web = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    mail = await loop.create_server(lambda: SMTP(found, enable_SMTPUTF8=True, hostname="in", loop=loop), "127.0.0.1", 0)
    found.web_port = web.sockets[0].getsockname()[1]
    found.mail_port = mail.sockets[0].getsockname()[1]
    yield found
    web.close()
    mail.close()


@contextlib.asynccontextmanager
async def opened(
    tmp_path: Path, platform: Platform, people: dict[str, Person] | None = None, **rules: Any
) -> AsyncIterator[PostOffice]:
    """A post office whose people act at once."""
    plan = Plan(
        ledger=tmp_path / "ledger.sqlite",
        people=People(people or {}),
        port=0,
        control_port=0,
        bounces_to=("127.0.0.1", platform.mail_port),
        rules=Rules(delay_scale=0.0, seed=1, **rules),
    )
    async with PostOffice(plan) as office:
        yield office


def message(platform: Platform, number: int = 1, variant: int = 22, extra: str = "") -> bytes:
    """A mail with two followed links, a pixel and all ways out."""
    base = f"http://127.0.0.1:{platform.web_port}"
    return (
        f"From: Shop <news@shop.example>\r\nSubject: Hello\r\nMessage-ID: <m{number}@bounces.sillage.example>\r\n"
        f"List-Unsubscribe: <{base}/u/{TOKEN}>,\r\n <mailto:u-tok@bounces.sillage.example>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        f"Feedback-ID: {variant}:11:3:sillage\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        f'<a href="{base}/c/{TOKEN}/1">one</a>\r\n<a href="{base}/c/{TOKEN}/2">two</a>\r\n'
        f'<a href="{base}/u/{TOKEN}">out</a>{extra}\r\n<img src="{base}/o/{TOKEN}.gif" width="1" height="1">\r\n'
    ).encode()


async def send(office: PostOffice, raw: bytes, *recipients: str, sender: str = SENDER) -> dict[str, Any]:
    """Hand a mail over as a client would; the answer is smtplib's: refused recipients."""

    def hand_over() -> dict[str, Any]:
        with smtplib.SMTP("127.0.0.1", office.port, timeout=10) as client:
            return client.sendmail(sender, recipients, raw)

    return await asyncio.to_thread(hand_over)


async def settled(office: PostOffice) -> dict[str, Any]:
    """Wait until nobody has anything left to do."""
    for _ in range(1_000):
        status = await office.status()
        if status["pending_actions"] == 0:
            return status
        await asyncio.sleep(0.01)
    raise AssertionError(await office.status())


def rows(tmp_path: Path, sql: str) -> list[Any]:
    """What the ledger says."""
    with contextlib.closing(open_to_read(tmp_path / "ledger.sqlite")) as conn:
        return conn.execute(sql).fetchall()


async def test_mail_for_anybody_is_taken_and_noted(tmp_path: Path, platform: Platform) -> None:
    """Mail for any recipient is accepted, several in one transaction, and each has its row."""
    async with opened(tmp_path, platform) as office:
        assert await send(office, message(platform), "a@free.example", "B@gmail.example", "a@free.example") == {}
    found = rows(tmp_path, "SELECT recipient, person, message_id, campaign, variant, account, subject FROM messages")
    told = ("<m1@bounces.sillage.example>", "11", "22", "3", "Hello")
    assert found == [("a@free.example", "a@free.example", *told), ("B@gmail.example", "b@gmail.example", *told)]
    assert platform.requests == []


async def test_server_offers_size_8bitmime_and_smtputf8(tmp_path: Path, platform: Platform) -> None:
    """The extensions are offered; an international address needs SMTPUTF8 with its MAIL (RFC 6531 3.4)."""
    async with opened(tmp_path, platform) as office:

        def talk() -> tuple[set[str], list[int]]:
            with smtplib.SMTP("127.0.0.1", office.port, timeout=10) as client:
                client.ehlo()
                codes: list[int] = []
                for options in (["SMTPUTF8", "BODY=8BITMIME"], []):
                    client.mail(SENDER, options)
                    client.command_encoding = "utf-8"
                    codes.append(client.docmd("RCPT", "TO:<léa@sfr.example>")[0])
                    client.rset()
                return set(client.esmtp_features), codes

        offered, codes = await asyncio.to_thread(talk)
    assert {"size", "8bitmime", "smtputf8"} <= offered
    assert codes == [250, 553]


async def test_address_that_is_no_text_is_refused(tmp_path: Path, platform: Platform) -> None:
    """Octets that are no UTF-8 make no address, and the session goes on."""
    async with opened(tmp_path, platform) as office:
        reader, writer = await asyncio.open_connection("127.0.0.1", office.port)
        writer.write(b"HELO x\r\nEHLO x\r\n")
        while not (await reader.readline()).startswith(b"250 HELP"):
            pass
        writer.write(b"MAIL FROM:<a@b.example> SMTPUTF8\r\nRCPT TO:<l\xe9a@sfr.example>\r\nNOOP\r\n")
        assert [(await reader.readline())[:3] for _ in range(3)] == [b"250", b"553", b"250"]
        writer.close()


async def test_dots_and_empty_messages_survive(tmp_path: Path, platform: Platform) -> None:
    """Dots at the start of lines are taken back, the end is CRLF . CRLF alone, an empty message is a message."""
    people = {"a@sfr.example": Person(complains=True)}
    raw = b".dot\r\n..two\r\n.\n.\r\r\nX\r\n"
    async with opened(tmp_path, platform, people) as office:
        reader, writer = await asyncio.open_connection("127.0.0.1", office.port)

        async def command(line: bytes) -> bytes:
            writer.write(line)
            while (reply := await reader.readline())[3:4] == b"-":
                pass
            return reply

        await reader.readline()
        await command(b"EHLO x\r\n")
        # The message and the next transaction come in one piece: nothing is lost behind the end of the data.
        start = b"MAIL FROM:<%b>\r\n" % SENDER.encode()
        await command(start)
        await command(b"RCPT TO:<a@sfr.example>\r\n")
        await command(b"DATA\r\n")
        stuffed = b"." + raw.replace(b"\r\n.", b"\r\n..")
        assert (await command(stuffed + b".\r\n" + start))[:3] == b"250"
        assert (await reader.readline())[:3] == b"250"
        assert (await command(b"RCPT TO:<b@sfr.example>\r\n"))[:3] == b"250"
        await command(b"DATA\r\n")
        assert (await command(b".\r\n"))[:3] == b"250"
        await command(b"MAIL FROM:<a@b.example>\r\n")
        await command(b"RCPT TO:<b@sfr.example>\r\n")
        await command(b"DATA\r\n")
        assert (await command(b"x" * 2_000 + b"\r\n.\r\n"))[:3] == b"500"
        writer.close()
        await settled(office)
    assert rows(tmp_path, "SELECT size FROM messages") == [(len(raw),), (0,)]
    assert raw in (platform.mails[0].original_content or b"")


async def test_too_large_a_mail_is_refused(tmp_path: Path, platform: Platform) -> None:
    """A mail above the size that EHLO offers is refused, when announced and when not."""
    async with opened(tmp_path, platform) as office:

        def talk() -> tuple[int, int, int]:
            with smtplib.SMTP("127.0.0.1", office.port, timeout=20) as client:
                client.ehlo()
                announced, _ = client.mail(SENDER, [f"SIZE={MAX_SIZE + 1}"])
                client.mail(SENDER)
                client.rcpt("a@free.example")
                unannounced, _ = client.data((b"x" * 900 + b"\r\n") * (MAX_SIZE // 902 + 2))
                after, _ = client.noop()
                return announced, unannounced, after

        assert await asyncio.to_thread(talk) == (552, 552, 250)
    assert rows(tmp_path, "SELECT * FROM messages") == []


async def test_opens_and_clicks_go_to_the_real_addresses(tmp_path: Path, platform: Platform) -> None:
    """A person loads the pixel and follows the links of their positions, by GET, from one agent and address."""
    people = {"a@free.example": Person(opens=True, clicks=(2, 9), agent="Agent/1", ip="90.1.2.3")}
    async with opened(tmp_path, platform, people) as office:
        await send(office, message(platform), "a@free.example")
        await settled(office)
    assert [(r.method, r.path) for r in platform.requests] == [("GET", f"/o/{TOKEN}.gif"), ("GET", f"/c/{TOKEN}/2")]
    for request in platform.requests:
        assert request.headers["user-agent"] == "Agent/1"
        assert request.headers["x-forwarded-for"] == "90.1.2.3"
        assert "cookie" not in request.headers
    found = rows(
        tmp_path, "SELECT kind, via, is_machine, path, status, outcome, location, repeat FROM actions ORDER BY id"
    )
    assert found == [
        ("open", "person", 0, f"/o/{TOKEN}.gif", 200, "answered", None, 0),
        ("click", "person", 0, f"/c/{TOKEN}/2", 302, "answered", "https://shop.example/", 0),
        ("click", "person", 0, "", None, "no_such_link", None, 0),
    ]
    assert rows(tmp_path, "SELECT * FROM raws") == []


async def test_one_click_posts_what_rfc_8058_asks_for(tmp_path: Path, platform: Platform) -> None:
    """One-click is a POST of the one field to the header's address, without cookies, as either kind of form."""
    way = Person(unsubscribes=Unsubscribes.ONE_CLICK)
    async with opened(tmp_path, platform, {"a@free.example": way, "b@yahoo.example": way}) as office:
        await send(office, message(platform), "a@free.example", "b@yahoo.example")
        await settled(office)
    by_type = {r.headers["content-type"].partition(";")[0]: r for r in platform.requests}
    plain, multipart = by_type["application/x-www-form-urlencoded"], by_type["multipart/form-data"]
    assert (plain.method, plain.path, plain.body) == ("POST", f"/u/{TOKEN}", b"List-Unsubscribe=One-Click")
    parsed = email.message_from_bytes(
        b"Content-Type: " + multipart.headers["content-type"].encode() + b"\r\n\r\n" + multipart.body
    )
    (part,) = list(parsed.walk())[1:]
    assert part.get_param("name", header="content-disposition") == "List-Unsubscribe"
    assert part.get_payload() == "One-Click"
    assert not any("cookie" in r.headers for r in platform.requests)
    assert (
        rows(tmp_path, "SELECT kind, via, method, status FROM actions")
        == [("unsubscribe", "one_click", "POST", 200)] * 2
    )


async def test_page_unsubscribes_by_its_form(tmp_path: Path, platform: Platform) -> None:
    """By page: GET of the body's link, then POST of the form that came, with the page's own cookie."""
    people = {"a@free.example": Person(unsubscribes=Unsubscribes.PAGE)}
    async with opened(tmp_path, platform, people) as office:
        await send(office, message(platform), "a@free.example")
        await settled(office)
    asked, posted = platform.requests
    assert (asked.method, asked.path) == ("GET", f"/u/{TOKEN}")
    assert (posted.method, posted.path, posted.body) == ("POST", f"/u/{TOKEN}", b"confirm=yes")
    assert posted.headers["cookie"] == "csrf=c1"
    found = rows(tmp_path, "SELECT kind, via, method FROM actions ORDER BY id")
    assert found == [("unsubscribe_link", "page", "GET"), ("unsubscribe", "page", "POST")]


async def test_mailto_unsubscribes_by_mail(tmp_path: Path, platform: Platform) -> None:
    """By mail: from the person, to the address of the header, over the platform's mail server."""
    people = {"a@free.example": Person(unsubscribes=Unsubscribes.MAILTO)}
    async with opened(tmp_path, platform, people) as office:
        await send(office, message(platform), "a@free.example")
        await settled(office)
    assert platform.mails[0].mail_from == "a@free.example"
    assert platform.mails[0].rcpt_tos == ["u-tok@bounces.sillage.example"]
    assert platform.report()["Subject"] == "unsubscribe"


async def test_complaints_are_reported_where_there_is_a_loop(tmp_path: Path, platform: Platform) -> None:
    """Orange reports to fbl@ the sender's domain; Gmail reports nothing, and the ledger says so."""
    people = {"a@sfr.example": Person(complains=True), "b@gmail.example": Person(complains=True)}
    async with opened(tmp_path, platform, people) as office:
        await send(office, message(platform), "a@sfr.example")
        await send(office, message(platform, 2), "b@gmail.example")
        await settled(office)
    assert platform.mails[0].rcpt_tos == ["fbl@bounces.sillage.example"]
    assert platform.report().get_param("report-type") == "feedback-report"
    found = rows(tmp_path, "SELECT kind, via, status, outcome FROM actions ORDER BY via")
    assert found == [("complaint", "gmail", None, "unreported"), ("complaint", "sfr", 250, "answered")]


async def test_returned_mail_comes_from_the_null_sender(tmp_path: Path, platform: Platform) -> None:
    """A mail that bounces later is accepted first, and returned to the envelope sender."""
    people = {"a@free.example": Person(bounce=Bounce(Stage.MAIL, 552, "5.2.2", "Mailbox full"))}
    async with opened(tmp_path, platform, people) as office:
        assert await send(office, message(platform), "a@free.example") == {}
        await settled(office)
    assert platform.mails[0].mail_from == "<>"
    assert platform.mails[0].rcpt_tos == [SENDER]
    assert b"Status: 5.2.2\r\n" in (platform.mails[0].original_content or b"")


@pytest.mark.parametrize("refuse_at", [Stage.DATA, Stage.SESSION])
async def test_refusals_and_deferrals_are_noted_before_they_are_said(
    tmp_path: Path, platform: Platform, refuse_at: Stage
) -> None:
    """A refused mailbox answers 550, one that defers twice takes the third try; after DATA the campaign is known."""
    people = {
        "no@free.example": Person(bounce=Bounce(Stage.SESSION, 550, "5.1.1", "No such user")),
        "slow@free.example": Person(defer=2),
        "policy@free.example": Person(bounce=Bounce(Stage.DATA, 554, "5.7.1", "Policy")),
    }
    async with opened(tmp_path, platform, people, refuse_at=refuse_at) as office:
        for address, code in (("no@free.example", 550), ("slow@free.example", 451), ("slow@free.example", 451)):
            with pytest.raises((smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)) as caught:
                await send(office, message(platform), address)
            said: Any = caught.value
            assert (said.smtp_code if refuse_at is Stage.DATA else said.recipients[address][0]) == code
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await send(office, message(platform), "policy@free.example")
        assert refused.value.smtp_code == 554
        assert await send(office, message(platform), "slow@free.example") == {}
        status = await office.status()
    assert (status["accepted"], status["refused"], status["deferred"]) == (1, 2, 2)
    is_early = refuse_at is Stage.SESSION
    campaign = None if is_early else "11"
    stage = "rcpt" if is_early else "data"
    assert rows(tmp_path, "SELECT person, stage, reason, code, campaign FROM refusals ORDER BY id") == [
        ("no@free.example", stage, "refused", 550, campaign),
        ("slow@free.example", stage, "deferred", 451, campaign),
        ("slow@free.example", stage, "deferred", 451, campaign),
        ("policy@free.example", "data", "refused", 554, "11"),
    ]


async def test_who_will_be_refused_needs_a_transaction_alone(tmp_path: Path, platform: Platform) -> None:
    """DATA has one answer for all, so a recipient that it would refuse is not taken beside others."""
    people = {"no@free.example": Person(bounce=Bounce(Stage.SESSION, 550, "5.1.1", "No such user"))}
    async with opened(tmp_path, platform, people) as office:
        refused = await send(office, message(platform), "a@free.example", "no@free.example")
        assert refused["no@free.example"][0] == 452
        status = await office.status()
    assert (status["accepted"], status["refused"], status["deferred"]) == (1, 0, 0)


async def test_421_closes_the_connection(tmp_path: Path, platform: Platform) -> None:
    """After 421 the server hangs up (RFC 5321 3.8), and the next connection is served."""
    people = {"a@yahoo.example": Person(defer=1)}
    async with opened(tmp_path, platform, people) as office:

        def talk() -> int:
            client = smtplib.SMTP("127.0.0.1", office.port, timeout=10)
            client.ehlo()
            client.mail(SENDER)
            client.rcpt("a@yahoo.example")
            code, _ = client.data(message(platform))
            with pytest.raises(smtplib.SMTPServerDisconnected):
                client.noop()
            client.close()
            return code

        assert await asyncio.to_thread(talk) == 421
        assert await send(office, message(platform), "a@yahoo.example") == {}


async def test_greylist_defers_first_attempts(tmp_path: Path, platform: Platform) -> None:
    """A grey list defers until its time of business time has passed since the first attempt."""
    async with opened(tmp_path, platform, greylist_seconds=0.3) as office:
        for _ in range(2):
            with pytest.raises(smtplib.SMTPDataError, match="Greylisted"):
                await send(office, message(platform), "a@free.example")
        await asyncio.sleep(0.3)
        assert await send(office, message(platform), "a@free.example") == {}


async def test_second_copy_is_noted_and_not_acted_on(tmp_path: Path, platform: Platform) -> None:
    """The same Message-ID to the same person again is a duplicate: taken, noted, and nobody opens it twice."""
    people = {"a@free.example": Person(opens=True)}
    async with opened(tmp_path, platform, people) as office:
        for address in ("a@free.example", "A@free.example", "b@free.example"):
            await send(office, message(platform), address)
        await send(office, message(platform, 2), "a@free.example")
        status = await settled(office)
        report = await office.report()
    assert status["duplicates"] == 1
    assert rows(tmp_path, "SELECT id, duplicate_of FROM messages ORDER BY id") == [
        (1, None),
        (2, 1),
        (3, None),
        (4, None),
    ]
    assert len(platform.requests) == 2
    assert (report["accepted"], report["distinct_message_ids"], report["distinct_recipients"]) == (4, 2, 2)


async def test_scanner_fetches_every_link_in_a_burst(tmp_path: Path, platform: Platform) -> None:
    """A gateway GETs links, unsubscribe link and pixel from a security cloud; about half ask by HEAD first."""
    people = {f"p{n}@company.example": Person(scanner=True) for n in range(24)}
    async with opened(tmp_path, platform, people) as office:
        await send(office, message(platform), *people)
        await settled(office)
    gets = [r for r in platform.requests if r.method == "GET"]
    assert {r.path for r in gets} == {f"/c/{TOKEN}/1", f"/c/{TOKEN}/2", f"/u/{TOKEN}", f"/o/{TOKEN}.gif"}
    assert len(gets) == 4 * 24
    heads = len(platform.requests) - len(gets)
    assert 4 * 4 <= heads <= 4 * 20
    assert {r.method for r in platform.requests} == {"GET", "HEAD"}
    assert all(r.headers["x-forwarded-for"].startswith(("40.94.", "104.47.")) for r in platform.requests)
    assert rows(tmp_path, "SELECT DISTINCT is_machine, via FROM actions") == [(1, "scanner")]


async def test_replays_repeat_every_report_and_request(tmp_path: Path, platform: Platform) -> None:
    """Somebody with replays sends each report and each request that many times more, the same each time."""
    people = {"a@sfr.example": Person(opens=True, clicks=(1,), complains=True, replays=2)}
    async with opened(tmp_path, platform, people) as office:
        await send(office, message(platform), "a@sfr.example")
        await settled(office)
    assert len(platform.requests) == 6
    assert len({mail.original_content for mail in platform.mails}) == 1
    assert len(platform.mails) == 3
    assert rows(tmp_path, "SELECT repeat, count(*) FROM actions GROUP BY 1") == [(0, 3), (1, 3), (2, 3)]


async def test_acts_are_retried_until_answered(tmp_path: Path, platform: Platform) -> None:
    """What meets 5xx or a deferral is tried again until it gets an answer, and the retries are noted."""
    platform.failures, platform.refusals = 2, 1
    people = {"a@sfr.example": Person(opens=True, complains=True)}
    async with opened(tmp_path, platform, people) as office:
        await send(office, message(platform), "a@sfr.example")
        await settled(office)
    assert rows(tmp_path, "SELECT kind, status, retries FROM actions ORDER BY kind") == [
        ("complaint", 250, 1),
        ("open", 200, 2),
    ]


async def test_nobody_but_loopback_is_contacted(
    tmp_path: Path, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link to another host is not followed: the ledger, the log and the status say so."""
    sources = ("http://192.0.2.1/logo.png", "http://127.0.0.1.nip.example/x.png", "http://2130706433/", "http://[x/")
    outside = "\r\n".join(f'<img src="{source}">' for source in sources)
    people = {"a@free.example": Person(opens=True)}
    async with opened(tmp_path, platform, people) as office:
        await send(office, message(platform, extra=outside), "a@free.example")
        status = await settled(office)
    assert status["refused_hosts"] == {"192.0.2.1": 1, "127.0.0.1.nip.example": 1, "2130706433": 1, "[x": 1}
    assert rows(tmp_path, "SELECT outcome, count(*) FROM actions GROUP BY 1") == [("answered", 1), ("refused_host", 4)]
    assert capsys.readouterr().err.count("postoffice.host_refused") == 4


async def test_delays_are_business_time_and_survive_a_restart(tmp_path: Path, platform: Platform) -> None:
    """What is due later waits in the ledger, also over a restart, and is done when its time has come."""
    people = {"a@free.example": Person(opens=True)}
    late = Plan(
        ledger=tmp_path / "ledger.sqlite",
        people=People(people),
        port=0,
        control_port=0,
        bounces_to=("127.0.0.1", platform.mail_port),
        rules=Rules(seed=1),
    )
    async with PostOffice(late) as office:
        await send(office, message(platform), "a@free.example")
        await asyncio.sleep(0.1)
        status = await office.status()
        assert status["pending_actions"] == 1
        assert status["next_action_in_s"] > 1
    assert platform.requests == []
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as conn, conn:
        conn.execute("UPDATE errands SET due_at = ?", (time.time() + 0.2,))
    async with opened(tmp_path, platform, people) as office:
        status = await settled(office)
    assert status["accepted"] == 1
    assert len(platform.requests) == 1


async def test_nobody_reads_a_mail_before_it_is_answered(tmp_path: Path, platform: Platform) -> None:
    """Where the ledger's disk keeps the sender waiting, the people wait as long, from the answer on."""
    people = {"a@free.example": Person(opens=True, clicks=(1,))}
    async with opened(tmp_path, platform, people, quickest=0.5) as office:
        with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as busy:
            busy.execute("BEGIN IMMEDIATE")
            sending = asyncio.create_task(send(office, message(platform), "a@free.example"))
            await asyncio.sleep(1.0)
            assert not sending.done()
            released = time.time()
            busy.execute("ROLLBACK")
        await sending
        await settled(office)
    assert [at > released + 0.5 for (at,) in rows(tmp_path, "SELECT at FROM actions")] == [True, True]


async def test_control_port_tells_pauses_and_resumes(tmp_path: Path, platform: Platform) -> None:
    """GET /status and /report answer JSON; POST /pause makes the server say 421 until POST /resume."""
    async with opened(tmp_path, platform) as office:
        await send(office, message(platform), "a@free.example")
        status = await ask(office, "GET", "/status")
        assert status[1]["accepted"] == 1
        assert (await ask(office, "GET", "/report"))[1]["campaigns"]["11"]["variants"]["22"]["delivered"] == 1
        assert (await ask(office, "POST", "/pause"))[1]["paused"] is True
        with pytest.raises(smtplib.SMTPException) as caught:
            await send(office, message(platform, 2), "a@free.example")
        assert "421" in repr(caught.value)
        await ask(office, "POST", "/resume")
        assert await send(office, message(platform, 2), "a@free.example") == {}
        assert (await ask(office, "GET", "/pause"))[0] == 405
        assert (await ask(office, "GET", "/nothing"))[0] == 404


async def ask(office: PostOffice, method: str, path: str) -> tuple[int, dict[str, Any]]:
    """One request to the control port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", office.control_port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)
