"""A mail server that answers everything after a while, and keeps nothing: a real relay's latency, on loopback.

python -m bench.slow_sink PORT SECONDS
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop


class Sink(asyncio.Protocol):
    """One connection: answers in order, each group of commands after the delay."""

    delay = 0.02

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, also late."""
        self.transport = cast("asyncio.Transport", transport)
        self.loop = asyncio.get_running_loop()
        self.in_data = False
        self.held = b""
        self._later(b"220 slow\r\n")

    def _later(self, answer: bytes) -> None:
        self.loop.call_later(self.delay, self.transport.write, answer)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete in one go."""
        data = self.held + data if self.held else data
        answer = b""
        while data:
            if self.in_data:
                end = data.find(b"\r\n.\r\n")
                if end < 0:
                    # Only what could be the beginning of the end is kept.
                    data = data[-4:]
                    break
                answer += b"250 2.0.0 Ok\r\n"
                data = data[end + 5 :]
                self.in_data = False
                continue
            line, found, rest = data.partition(b"\r\n")
            if not found:
                break
            data = rest
            verb = line[:4].upper()
            if verb == b"DATA":
                answer += b"354 go on\r\n"
                self.in_data = True
            elif verb == b"EHLO":
                answer += b"250-slow\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
            elif verb == b"QUIT":
                answer += b"221 bye\r\n"
                self.loop.call_later(self.delay * 1.5, self.transport.close)
            else:
                answer += b"250 2.1.0 Ok\r\n"
        self.held = data
        if answer:
            self._later(answer)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    Sink.delay = float(sys.argv[2])
    uvloop.run(_serve(int(sys.argv[1])))
