"""A server of S3's HTTP API, as far as pictures need it, that verifies each signature by itself."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

ACCESS, SECRET, REGION = "AKIATEST", "not-a-real+secret/key", "eu-west-3"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<who>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/s3/aws4_request,\s*"
    r"SignedHeaders=(?P<names>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


class S3(ThreadingHTTPServer):
    """Objects by path, with their types; `asked` is what was asked for, in order."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, tuple[str, bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        self.is_down = False

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: S3

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self._is_let_in(body):
            self.server.objects[unquote(self.path)] = (self.headers.get("content-type", ""), body)
            self._answer(200)

    def do_GET(self) -> None:
        if self._is_let_in(b""):
            _, body = self.server.objects.get(unquote(self.path), ("", None))
            self._answer(404 if body is None else 200, body or b"")

    def do_DELETE(self) -> None:
        if self._is_let_in(b""):
            self.server.objects.pop(unquote(self.path), None)
            self._answer(204)

    def _is_let_in(self, body: bytes) -> bool:
        self.server.asked.append((self.command, self.path))
        if self.server.is_down:
            self._answer(503)
            return False
        found = _AUTHORIZATION.fullmatch(self.headers.get("authorization", ""))
        digest = hashlib.sha256(body).hexdigest()
        if found is None or found["who"] != ACCESS or self.headers.get("x-amz-content-sha256") != digest:
            self._answer(403)
            return False
        names = found["names"].split(";")
        lines = [f"{name}:{' '.join(self.headers[name].split())}" for name in names]
        path, _, query = self.path.partition("?")
        request = "\n".join((self.command, path, query, *lines, "", found["names"], digest)).encode()
        scope = f"{found['day']}/{found['region']}/s3/aws4_request"
        text = "\n".join(("AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hashlib.sha256(request).hexdigest()))
        key = ("AWS4" + SECRET).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        wanted = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        is_right = wanted == found["signature"] and found["region"] == REGION and {"host", "x-amz-date"} <= set(names)
        if not is_right:
            self._answer(403)
        return is_right

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's own name
        """Say nothing."""


@contextmanager
def s3_server() -> Iterator[S3]:
    """A server on a free port."""
    server = S3()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(timeout=5)
        server.server_close()
