"""The control port: JSON over HTTP on loopback. What the office has to say, and pause and resume."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sendworker.postoffice.log import log

Answering = Callable[[], Awaitable[dict[str, Any]]]
Routes = Mapping[tuple[str, str], Answering]

TIMEOUT_SECONDS = 10.0
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}


async def serve_control(host: str, port: int, routes: Routes) -> asyncio.Server:
    """Listen; each connection is good for one request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
            status, answer = await _answer(request, routes)
            body = json.dumps(answer, ensure_ascii=False).encode() + b"\n"
            head = (
                f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    return await asyncio.start_server(serve, host, port)


async def _answer(request: bytes, routes: Routes) -> tuple[int, dict[str, Any]]:
    method, _, rest = request.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if not path.startswith("/"):
        return 400, {"error": "not a request"}
    answering = routes.get((method, path))
    if answering is not None:
        try:
            return 200, await answering()
        except (OSError, ValueError) as exc:
            log("postoffice.control_failed", level="error", path=path, reason=repr(exc))
            return 500, {"error": str(exc)}
    known = sorted({route for _, route in routes})
    if path in known:
        return 405, {"error": f"{method} is not for {path}"}
    return 404, {"error": "unknown path", "paths": known}
