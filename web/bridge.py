"""The pages behind the same port: an exchange as an ASGI request, for the few that are worth a framework."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

from web.answers import Answers
from web.http import Exchange

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


async def serve(application: Application, exchange: Exchange, answers: Answers) -> None:
    """Let an ASGI application answer. The whole body is there already; so is the answer before it goes out."""
    method = exchange.method.decode("ascii")
    scope: Message = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(exchange.path).decode("utf-8", "replace"),
        "raw_path": exchange.path,
        "query_string": exchange.query,
        "root_path": "",
        "headers": exchange.headers,
        "client": (exchange.peer, 0),
        "server": None,
    }
    asked = iter([{"type": "http.request", "body": exchange.body, "more_body": False}])
    status, fields, body = 500, [], bytearray()

    async def receive() -> Message:
        for message in asked:
            return message
        await asyncio.Event().wait()  # nobody here hangs up before the answer
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status, fields
        if message["type"] == "http.response.start":
            status, fields = message["status"], list(message["headers"])
        else:
            body.extend(message.get("body", b""))

    await application(scope, receive, send)
    exchange.send(answers.full(status, fields, bytes(body), has_body=method != "HEAD"))
