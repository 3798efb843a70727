"""An org for tests: it speaks the HTTP API of Salesforce over TLS on loopback, and misbehaves as told.

OAuth 2.0 client credentials; REST queries with pages; Bulk API 2.0 query jobs with states and locators; 503 with
Retry-After, 401 for a token that has expired, 403 when the day's requests are used up, and pages cut on their way.
"""

from __future__ import annotations

import csv
import io
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CLIENT_ID, CLIENT_SECRET = "3MVG9.test", "client secret"
_QUERY = re.compile(
    r"SELECT (?P<fields>.+) FROM (?P<object>\w+)"
    r"(?: WHERE SystemModstamp >= (?P<since>\S+))?(?P<order> ORDER BY SystemModstamp)?"
)


@dataclass
class Org:
    """What the org holds, and how it behaves. Records hold their fields; a dotted field is of its parent."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    page_size: int = 2
    busy: int = 0
    """So many requests from now on are answered with 503."""
    expires_after: int | None = None
    """A token is good for so many requests."""
    cut_page: int | None = None
    """This page (from 0) of a job's results breaks off in the middle."""
    lying_page: int | None = None
    """This page says that it holds one record more than it does."""
    is_out_of_requests: bool = False
    job_fails: bool = False
    tokens: int = 0
    asked: list[str] = field(default_factory=list)
    """Method and path of each request, in order."""
    queries: list[str] = field(default_factory=list)
    polls: int = 0
    url: str = ""
    ca: str = ""
    _used: int = 0
    _jobs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _fields: dict[str, list[str]] = field(default_factory=dict)

    def found(self, soql: str) -> tuple[list[str], list[dict[str, Any]]]:
        """The records that a query asks for, and its fields."""
        self.queries.append(soql)
        parts = _QUERY.fullmatch(soql)
        assert parts is not None, soql
        rows = sorted(self.records.get(parts["object"], []), key=lambda row: row["SystemModstamp"])
        if parts["since"]:
            since = datetime.fromisoformat(parts["since"])
            rows = [row for row in rows if datetime.fromisoformat(row["SystemModstamp"]) >= since]
        return [name.strip() for name in parts["fields"].split(",")], rows


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    org: Org

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._is_refused():
            return
        path = urlsplit(self.path).path
        if path == "/services/oauth2/token":
            self._token(parse_qs(body.decode()))
        elif path.endswith("/jobs/query"):
            self._new_job(json.loads(body))
        else:
            self._json(404, [{"errorCode": "NOT_FOUND"}])

    def do_GET(self) -> None:
        if self._is_refused():
            return
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/results"):
            self._results(parts.path.split("/")[-2], asked)
        elif "/jobs/query/" in parts.path:
            self._job(parts.path.rsplit("/", 1)[1])
        elif parts.path.endswith("/query/"):
            self._query(asked["q"])
        elif "/query/" in parts.path:
            key, _, start = parts.path.rsplit("/", 1)[1].partition("-")
            self._page(key, int(start))
        else:
            self._json(404, [{"errorCode": "NOT_FOUND"}])

    def _is_refused(self) -> bool:
        org, path = self.org, urlsplit(self.path).path
        org.asked.append(f"{self.command} {path}")
        if org.busy:
            org.busy -= 1
            self._answer(503, b"busy", {"Retry-After": "0"})
            return True
        if path == "/services/oauth2/token":
            return False
        if org.is_out_of_requests:
            self._json(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}])
            return True
        org._used += 1
        is_known = self.headers.get("Authorization") == f"Bearer token-{org.tokens}"
        if not is_known or (org.expires_after is not None and org._used > org.expires_after):
            self._json(401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}])
            return True
        return False

    def _token(self, said: dict[str, list[str]]) -> None:
        wanted = {"grant_type": ["client_credentials"], "client_id": [CLIENT_ID], "client_secret": [CLIENT_SECRET]}
        if said != wanted:
            self._json(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
            return
        self.org.tokens += 1
        self.org._used = 0
        self._json(
            200, {"access_token": f"token-{self.org.tokens}", "instance_url": self.org.url, "token_type": "Bearer"}
        )

    def _query(self, soql: str) -> None:
        fields, rows = self.org.found(soql)
        if fields == ["COUNT()"]:
            self._json(200, {"totalSize": len(rows), "done": True, "records": []})
            return
        key = f"01g{len(self.org._jobs)}"
        self.org._jobs[key], self.org._fields[key] = rows, fields
        self._page(key, 0)

    def _page(self, key: str, start: int) -> None:
        rows, end = self.org._jobs[key], start + self.org.page_size
        shown = [self._nested(row, self.org._fields[key]) for row in rows[start:end]]
        answer: dict[str, Any] = {"totalSize": len(rows), "done": end >= len(rows), "records": shown}
        if end < len(rows):
            answer["nextRecordsUrl"] = f"/services/data/v60.0/query/{key}-{end}"
        self._json(200, answer)

    @staticmethod
    def _nested(row: dict[str, Any], fields: list[str]) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": {"type": "x"}}
        for name in fields:
            inner = record
            *parents, last = name.split(".")
            for parent in parents:
                inner = inner.setdefault(parent, {"attributes": {"type": parent}})
            inner[last] = row.get(name)
        return record

    def _new_job(self, said: dict[str, Any]) -> None:
        fields, rows = self.org.found(said["query"])
        key = f"750{len(self.org._jobs)}"
        self.org._jobs[key], self.org._fields[key] = rows, fields
        self._json(200, {"id": key, "state": "UploadComplete", "operation": said["operation"]})

    def _job(self, key: str) -> None:
        self.org.polls += 1
        state = "InProgress" if self.org.polls % 2 else "Failed" if self.org.job_fails else "JobComplete"
        self._json(
            200,
            {
                "id": key,
                "state": state,
                "errorMessage": "INVALID_FIELD: no such column" if self.org.job_fails else None,
            },
        )

    def _results(self, key: str, asked: dict[str, str]) -> None:
        start = int(asked.get("locator", 0))
        size, rows, fields = self.org.page_size, self.org._jobs[key], self.org._fields[key]
        shown, page = rows[start : start + size], start // size
        out = io.StringIO(newline="")
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(fields)
        for row in shown:
            cells = [row.get(name) for name in fields]
            writer.writerow(["" if c is None else str(c).lower() if isinstance(c, bool) else c for c in cells])
        following = str(start + size) if start + size < len(rows) else "null"
        body = out.getvalue().encode()
        headers = {
            "Sforce-Locator": following,
            "Sforce-NumberOfRecords": str(len(shown) + (page == self.org.lying_page)),
        }
        self._answer(200, body, {**headers, "Content-Type": "text/csv"}, cut=page == self.org.cut_page)

    def _json(self, status: int, value: Any) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[Org]:
    """An org that answers on a loopback port until the block ends."""
    org = Org()
    handler = type("Handler", (_Handler,), {"org": org})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    org.ca = str(_certificate(folder))
    context.load_cert_chain(org.ca)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    org.url = f"https://127.0.0.1:{server.server_port}"
    running = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    running.start()
    try:
        yield org
    finally:
        server.shutdown()
        running.join()
        server.server_close()


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "org")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "org.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
