"""Asking the outside: what is private stays unasked however it is spelt, and nobody can hold or fill us."""

from __future__ import annotations

import gzip
import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sillage import outward
from sillage.campaign.link_check import LinkState, check_links
from sillage.errors import BadInput, TransientError
from sillage.outward import ask, is_public, look_at

PRIVATE = (
    "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://2130706433/",
    "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://10.0.0.1/", "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/", "http://[fe80::1%25lo]/", "http://[fd00::1]/", "http://0.0.0.0/",
    "http://[2002:7f00:1::]/", "http://[64:ff9b::7f00:1]/", "http://100.64.0.1/", "http://224.0.0.1/",
)  # fmt: skip
MALFORMED = (
    "file:///etc/passwd", "gopher://x.example/", "http://user@x.example/", "http://user:pw@x.example/", "http://",
    "http:///x", "//x.example", "javascript:alert(1)", "http://x.example/\r\nHost: y", "http://x.example:port/",
    "http://x.example/ y", "http://\u00e9\u2024example/", "http://[::1", "x" * 3000,
)  # fmt: skip


class _Site(http.server.BaseHTTPRequestHandler):
    """A small site with every trick."""

    protocol_version = "HTTP/1.0"

    def do_HEAD(self) -> None:  # http.server's name
        if self.path == "/no-head":
            self.send_error(405)
            return
        self.do_GET()

    def do_GET(self) -> None:  # http.server's name
        moves = {
            "/moved": "/page",
            "/to-private": "http://10.0.0.1/",
            "/for-ever": "/for-ever",
            "/to-file": "file:///etc/passwd",
        }
        if self.path in moves:
            self.send_response(302)
            self.send_header("Location", moves[self.path])
            self.end_headers()
            return
        if self.path in {"/gone", "/secret"}:
            self.send_error(404 if self.path == "/gone" else 403)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if self.path == "/bomb":
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(gzip.compress(bytes(50_000_000)))
            return
        self.end_headers()
        self.wfile.write(b"x" * 5000 if self.path == "/long" else b"<p>page</p>")

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The site, on a free port of loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("url", PRIVATE)
def test_private_address_is_refused_however_it_is_spelt(url: str) -> None:
    """Loopback, private, link-local, mapped, decimal, octal and wrapped addresses are never asked."""
    with pytest.raises((BadInput, TransientError)):
        ask(url, most=10)


@pytest.mark.parametrize("url", MALFORMED)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    """Other schemes, users, ports that are none and signs that break a request."""
    with pytest.raises((BadInput, TransientError)):
        ask(url, most=10)


def test_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads to a public and to a private address is not asked at all."""
    both = [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("127.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: both)
    with pytest.raises(BadInput, match="private"):
        look_at("http://x.example/", what="it", code="c", needs_tls=False, may_be_private=False)


def test_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers differently the second time is asked once, and the socket goes to the first answer."""
    answers = iter([[(2, 1, 6, "", ("93.184.216.34", 80))], [(2, 1, 6, "", ("127.0.0.1", 80))]])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: next(answers))
    went: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], _timeout: float) -> socket.socket:
        went.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(TransientError):
        ask("http://rebinding.example/", most=10)
    assert went == [("93.184.216.34", 80)]


def test_redirect_is_looked_at_like_an_address(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One within the site is followed; one to a private address, to a file or without end is refused."""
    monkeypatch.setattr(outward, "is_public", lambda text: text == "127.0.0.1")
    assert ask(f"{site}/moved", most=100).content == b"<p>page</p>"
    for path in ("/to-private", "/to-file", "/for-ever"):
        with pytest.raises(BadInput):
            ask(site + path, most=100)


def test_no_more_is_read_than_was_asked_for(site: str) -> None:
    """A long answer is cut, and one that unpacks to very much is cut where it is unpacked."""
    for path in ("/long", "/bomb"):
        answer = ask(site + path, most=1000, may_be_private=True)
        assert (len(answer.content), answer.is_cut) == (1000, True)


def test_server_that_never_ends_its_headers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends a byte now and then does not hold us longer than the whole may take."""
    monkeypatch.setattr(outward, "WHOLE_S", 0.6)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()

        def dribble() -> None:
            with listening.accept()[0] as peer:
                while not stop.wait(0.1):
                    try:
                        peer.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=dribble)
        thread.start()
        with pytest.raises(TransientError):
            ask(f"http://127.0.0.1:{listening.getsockname()[1]}/", most=10, may_be_private=True)
        stop.set()
        thread.join()


def test_links_are_told_alive_dead_or_unsure(site: str) -> None:
    """By HEAD, by GET where HEAD is not known, each once, and progress is told."""
    told: list[tuple[int, int]] = []
    urls = [f"{site}/page", f"{site}/gone", f"{site}/secret", f"{site}/no-head", f"{site}/page", "http://127.0.0.1:1/"]
    found = check_links(urls, may_be_private=True, tell=lambda done, of: told.append((done, of)))
    assert [one.state for one in found] == [
        LinkState.ALIVE, LinkState.DEAD, LinkState.UNSURE, LinkState.ALIVE, LinkState.SILENT,
    ]  # fmt: skip
    assert told[-1] == (5, 5)
    assert check_links(["http://10.0.0.1/"])[0].state is LinkState.REFUSED


def test_public_is_what_is_global() -> None:
    """A few that are, in both families."""
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1::1")
    assert not is_public("192.0.2.1")


def test_address_in_other_letters_travels_in_ascii() -> None:
    """The host in A-labels, the rest percent-encoded, what is encoded already as it is."""
    assert outward.as_ascii("https://été.example:8443/à la%20carte?q=ü") == (
        "https://xn--t-9fab.example:8443/%C3%A0%20la%20carte?q=%C3%BC"
    )
    assert outward.as_ascii("https://x.example/é") == "https://x.example/%C3%A9"
    assert outward.as_ascii("https://x.example/a b") == "https://x.example/a b"
