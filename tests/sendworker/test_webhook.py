"""A webhook goes where its owner said, signed, and nowhere inside."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from sendworker import webhook
from sillage.alarm import address
from sillage.errors import BadInput, PermanentError, TransientError

KEY = "5" * 64


@dataclass
class Ear:
    """A server on loopback that keeps what it is told and answers in turn."""

    answers: list[int] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def ear() -> Iterator[Ear]:
    """An ear that answers 200 until told otherwise."""
    found = Ear()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.heard.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(found.answers.pop(0) if found.answers else 200)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_posted_can_be_verified(ear: Ear):
    """The signature is HMAC-SHA-256 over time and body, by the key that the account was shown."""
    webhook.post(
        f"http://127.0.0.1:{ear.port}/hook?a=1", {"level": "critical"}, delivery="k-1", key_text=KEY, timestamp=7,
        may_be_private=True,
    )  # fmt: skip
    ((headers, body),) = ear.heard
    assert json.loads(body) == {"level": "critical"}
    assert headers[webhook.DELIVERY] == "k-1"
    assert headers[webhook.SIGNATURE] == f"sha256={webhook.signature(KEY, '7', body)}"
    assert webhook.signature(KEY, "8", body) != webhook.signature(KEY, "7", body)


@pytest.mark.parametrize(("answer", "error"), [(503, TransientError), (404, TransientError), (302, PermanentError)])
def test_what_is_not_taken_is_no_success(ear: Ear, answer: int, error: type[Exception]):
    """An error is tried again; a redirect is neither followed nor taken for success."""
    ear.answers = [answer]
    with pytest.raises(error):
        webhook.post(
            f"http://127.0.0.1:{ear.port}/", {}, delivery="k-1", key_text=KEY, timestamp=7, may_be_private=True
        )
    assert len(ear.heard) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://10.1.2.3/",
        "https://192.168.1.1/", "https://169.254.169.254/latest", "https://2130706433/", "https://0x7f000001/",
        "https://0.0.0.0/", "https://[fe80::1]/", "https://[64:ff9b::7f00:1]/", "https://100.64.0.1/",
        "https://224.0.0.1/", "http://93.184.215.14/", "https://user@93.184.215.14/", "ftp://93.184.215.14/", "https:///x",
        "https://93.184.215.14/a\r\nHost: b", "https://93.184.215.14:port/", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_addresses_inside_are_refused(url: str):
    """Loopback, private, link-local and reserved ones in each of their spellings, and what is no https address."""
    with pytest.raises(BadInput):
        address.look_at(url, may_be_private=False)


def test_a_public_address_is_let_through():
    """And it is the address that was looked at that the connection goes to."""
    assert address.look_at("https://93.184.215.14/x?y", may_be_private=False) == address.Place(
        "https", "93.184.215.14", 443, "/x?y", "93.184.215.14"
    )


def test_a_name_that_also_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch):
    """One private address among public ones is enough: the resolver chooses, not we."""
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 443)) for a in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(BadInput, match="private"):
        address.look_at("https://rebinds.example/", may_be_private=False)
