"""A post office from hell, for tests: it refuses, delays, drops, hangs and babbles, and writes down the truth.

    python tests/chaos/hostile.py PORT LEDGER SEED

It shares no code with the system that it judges. A line of the ledger (JSON) is on its way to the disk before the
answer that it stands for: {"t": seconds since 1970, "did": "asked" | "took" | "refused", "who": recipient,
"id": Message-ID, "about": subject}.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import sys
import time

BEFORE = {"greet_421": 0.02, "greet_drop": 0.02, "greet_garbage": 0.01, "greet_late": 0.02}
AT_RCPT = {"450": 0.05, "451": 0.03, "421": 0.01, "drop": 0.01, "garbage": 0.005, "flood_450": 0.005}
AT_DATA = {"drop": 0.01, "451": 0.01, "garbage": 0.005}
AFTER = {
    "drop_in_data": 0.015, "drop_untaken": 0.01, "drop_taken": 0.015, "hang_taken": 0.003, "hang_untaken": 0.003,
    "late_taken": 0.02, "garbage_taken": 0.005, "flood_taken": 0.01, "451": 0.02, "421": 0.01, "554": 0.005,
}  # fmt: skip
HANG_S = 8.0
NEVER = 0.03
"""Of all recipients, those that don't exist."""


class Office:
    """One listening socket, one ledger."""

    def __init__(self, ledger: str, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # mishaps need no secret
        self._ledger = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, did: str, who: str, message_id: str = "", about: str = "") -> None:
        line = {"t": time.time(), "did": did, "who": who, "id": message_id, "about": about}
        os.write(self._ledger, (json.dumps(line) + "\n").encode())

    def pick(self, odds: dict[str, float]) -> str:
        """One of these mishaps, or none."""
        roll = self._chance.random()
        for name, chance in odds.items():
            roll -= chance
            if roll < 0:
                return name
        return ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._session(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.transport.abort()

    async def _session(  # noqa: C901  # a dialogue, verb by verb
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        mishap = self.pick(BEFORE)
        if mishap == "greet_drop":
            return
        if mishap == "greet_late":
            await asyncio.sleep(self._chance.uniform(0.5, 2.0))
        greeting = {"greet_421": "421 4.7.0 too busy", "greet_garbage": "\x00\x01hello?"}.get(mishap, "220 hell")
        await say(writer, greeting)
        if mishap in {"greet_421", "greet_garbage"}:
            return
        pipelines = self._chance.random() < 0.5
        who = ""
        while line := (await reader.readline()).decode("utf-8", "replace").rstrip("\r\n"):
            verb = line.split(" ", 1)[0].upper()
            if verb == "EHLO":
                await say(
                    writer, "250-hell\r\n250-8BITMIME\r\n" + ("250-PIPELINING\r\n" if pipelines else "") + "250 OK"
                )
            elif verb == "RCPT":
                who = line[line.index("<") + 1 : line.index(">")]
                answer = await self._recipient(writer, who)
                if answer == "end":
                    return
                # Nobody to write to: the DATA that may follow in the pipeline is refused too.
                who = who if answer == "yes" else ""
            elif verb == "DATA":
                if not who:
                    await say(writer, "503 5.5.1 nobody to write to")
                elif not await self._data(reader, writer, who):
                    return
            elif verb == "QUIT":
                await say(writer, "221 bye")
                return
            else:
                await say(writer, "250 ok")

    async def _recipient(self, writer: asyncio.StreamWriter, who: str) -> str:
        """Yes, no, or the end of the session."""
        self.write("asked", who)
        if hashlib.sha256(who.encode()).digest()[0] < 256 * NEVER:
            self.write("refused", who)
            await say(writer, "550 5.1.1 no such user here")
            return "no"
        mishap = self.pick(AT_RCPT)
        answers = {
            "450": "450 4.2.1 mailbox busy", "451": "451 4.3.0 try later", "421": "421 4.7.0 slow down",
            "garbage": "\x7f\x00\xff 250\x00", "flood_450": flood("450 4.2.0 no, and again no"),
        }  # fmt: skip
        if mishap == "drop":
            return "end"
        await say(writer, answers.get(mishap, "250 2.1.5 ok"))
        return {"": "yes", "450": "no", "451": "no"}.get(mishap, "end")

    async def _data(  # noqa: PLR0911  # each mishap ends it in its own way
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str
    ) -> bool:
        """False where the session ends."""
        mishap = self.pick(AT_DATA)
        if mishap == "drop":
            return False
        if mishap:
            await say(writer, {"451": "451 4.3.0 no room now", "garbage": "354354\x00"}[mishap])
            return mishap == "451"
        await say(writer, "354 go on")
        mishap = self.pick(AFTER)
        if mishap == "drop_in_data":
            await reader.readexactly(200)
            return False
        raw = await reader.readuntil(b"\r\n.\r\n")
        if mishap in {"451", "421", "554"}:
            told = {"451": "451 4.2.2 try later", "421": "421 4.3.2 going down", "554": "554 5.6.0 not like this"}
            self.write("refused" if mishap == "554" else "deferred", who)
            await say(writer, told[mishap])
            return mishap != "421"
        if mishap == "hang_untaken":
            await asyncio.sleep(HANG_S)
        if mishap in {"drop_untaken", "hang_untaken"}:
            return False
        self.write("took", who, header(raw, b"message-id"), header(raw, b"subject"))
        if mishap == "drop_taken":
            return False
        if mishap == "hang_taken":
            await asyncio.sleep(HANG_S)
            return False
        if mishap == "late_taken":
            await asyncio.sleep(self._chance.uniform(0.3, 3.0))
        answers = {"garbage_taken": "2x0 what", "flood_taken": flood("250 2.0.0 taken, taken")}
        await say(writer, answers.get(mishap, "250 2.0.0 taken"))
        return mishap in {"", "late_taken"}


def flood(last: str) -> str:
    """A reply of 1,000 lines."""
    return "".join(f"{last[:3]}-{n} {last[4:]}\r\n" for n in range(999)) + last


def header(raw: bytes, name: bytes) -> str:
    """One header of a message, unfolded."""
    found, at = b"", -1
    for line in raw.split(b"\r\n\r\n", 1)[0].split(b"\r\n"):
        if line.lower().startswith(name + b":"):
            found, at = line.split(b":", 1)[1], 0
        elif at == 0 and line[:1] in {b" ", b"\t"}:
            found += line
        else:
            at = -1
    return found.strip().decode("utf-8", "replace")


async def say(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(text.encode("utf-8", "surrogateescape") + b"\r\n")
    await writer.drain()


async def main(port: int, ledger: str, seed: int) -> None:
    office = Office(ledger, seed)
    server = await asyncio.start_server(office.serve, "127.0.0.1", port, limit=1 << 22)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
