"""A small mail server for tests: answers each recipient as told, and keeps what it took."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

DROP = "drop"
"""Close the connection instead of answering the final dot, after the message was taken."""
CUT = "cut"
"""Close the connection instead of answering DATA."""


class Relay:
    """`plan[recipient]` is a list of answers to its messages in turn; when it is used up, or absent, 250."""

    def __init__(self) -> None:
        self.plan: dict[str, list[str]] = {}
        self.taken: list[tuple[str, str]] = []
        """(recipient, Message-ID) of each message taken, in order."""
        self.messages: list[email.message.Message] = []
        self.return_paths: list[str] = []
        self.delay = 0.0
        self.port = 0

    def times(self) -> Counter[str]:
        """How often each recipient got a message."""
        return Counter(recipient for recipient, _ in self.taken)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay\r\n")
        sender = recipient = ""
        try:
            while line := (await reader.readline()).decode("utf-8").rstrip("\r\n"):
                verb = line[:4].upper()
                answer = "250 ok"
                if verb == "MAIL":
                    sender = line[line.index("<") + 1 : line.index(">")]
                elif verb == "RCPT":
                    recipient = line[line.index("<") + 1 : line.index(">")]
                elif verb == "DATA":
                    if self.plan.get(recipient, [""])[:1] == [CUT]:
                        self.plan[recipient].pop(0)
                        return
                    writer.write(b"354 go on\r\n")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    answer = self._answer(sender, recipient, raw[:-3])
                    if self.delay:
                        await asyncio.sleep(self.delay)
                    if answer == DROP:
                        return
                elif verb == "QUIT":
                    return
                writer.write(f"{answer}\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, sender: str, recipient: str, raw: bytes) -> str:
        answers = self.plan.get(recipient, [])
        answer = answers.pop(0) if answers else "250 2.0.0 taken"
        if answer.startswith("250") or answer == DROP:
            message = email.message_from_bytes(raw, policy=email.policy.default)
            self.messages.append(message)
            self.return_paths.append(sender)
            self.taken.append((recipient, str(message["Message-ID"])))
        return answer


@asynccontextmanager
async def listening(relay: Relay, port: int = 0) -> AsyncIterator[Relay]:
    """The relay on a loopback port."""
    server = await asyncio.start_server(relay.serve, "127.0.0.1", port, limit=1 << 20)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
