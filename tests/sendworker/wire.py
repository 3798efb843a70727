"""What the wire's tests share: a scripted server, a courier that keeps what it is told, certificates for loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sendworker.reply import Reply
from sendworker.session import Letter, Loss
from sendworker.smtp import Connection, Hop, Patience

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
PATIENCE = Patience(connect=5.0, greeting=5.0, command=5.0, block=5.0, end=5.0, idle=20.0)


@dataclass
class Basket:
    """A courier: gives the letters that it was given, and keeps what became of each."""

    letters: deque[Letter] = field(default_factory=deque)
    replies: list[tuple[Letter, Reply]] = field(default_factory=list)
    losses: list[tuple[Letter, Loss, str]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, recipient: str = "to@y.example", message: bytes = MESSAGE) -> Letter:
        self.letters.append(Letter("b@x.example", recipient, message))
        return self.letters[-1]

    def next_letter(self) -> Letter | None:
        return self.letters.popleft() if self.letters else None

    def replied(self, letter: Letter, reply: Reply) -> None:
        self.replies.append((letter, reply))
        self.news.set()

    def lost(self, letter: Letter, loss: Loss, why: str) -> None:
        self.losses.append((letter, loss, why))
        self.news.set()

    async def settled(self, count: int) -> None:
        """Wait until so many letters have an end."""
        async with asyncio.timeout(10):
            while len(self.replies) + len(self.losses) < count:
                self.news.clear()
                await self.news.wait()


class Script:
    """A server that answers what it is told, and keeps what it was sent."""

    def __init__(self, answers: dict[str, bytes | None] | None = None, *, ehlo: bytes = b"250 here\r\n") -> None:
        self.answers: dict[str, bytes | None] = {
            "EHLO": ehlo, "DATA": b"354 go on\r\n", ".": b"250 2.0.0 taken\r\n", **(answers or {}),
        }  # fmt: skip
        self.greeting: bytes = b"220 here\r\n"
        self.heard: list[bytes] = []
        self.tls: ssl.SSLContext | None = None
        self.gate: asyncio.Event | None = None
        """The answer to a whole message waits for it."""
        self.sessions = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        writer.write(self.greeting)
        in_data = False
        try:
            while line := await reader.readline():
                self.heard.append(line)
                if in_data and line != b".\r\n":
                    continue
                verb = "." if in_data else line[:4].decode("ascii", "replace").upper().strip()
                answer = self.answers.get(verb, b"250 ok\r\n")
                if verb == "BDAT":
                    self.heard.append(await reader.readexactly(int(line.split()[1])))
                if verb == "." and self.gate is not None:
                    await self.gate.wait()
                if answer is None:
                    return
                in_data = verb == "DATA" and answer.startswith(b"354")
                writer.write(answer)
                await writer.drain()
                if verb == "STAR" and answer.startswith(b"220") and self.tls is not None:
                    await writer.start_tls(self.tls)
                if verb == "QUIT":
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def said(self, verb: bytes) -> list[bytes]:
        return [line for line in self.heard if line.startswith(verb)]


@asynccontextmanager
async def serving(script: Script, *, context: ssl.SSLContext | None = None) -> AsyncIterator[Script]:
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0, ssl=context)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()


@asynccontextmanager
async def connected(script: Script, basket: Basket, *, limit: int = 100, **hop: object) -> AsyncIterator[Connection]:
    async with serving(script):
        wanted = Hop("127.0.0.1", script.port, "client.example", **{"patience": PATIENCE, **hop})  # type: ignore[arg-type]
        connection = await Connection.open(wanted, basket, limit=limit)
        try:
            yield connection
        finally:
            connection.abort()
            await asyncio.sleep(0)


def certificate(folder: Path, name: str = "localhost") -> Path:
    """A self-signed certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ip_address("127.0.0.1")))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def server_context(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
