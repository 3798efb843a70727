"""What people's browsers do: HTTP to the loopback and to nowhere else, without cookies and without following."""

from __future__ import annotations

import ipaddress
import re
import ssl
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
from yarl import URL

from sendworker.postoffice.errands import Fetch
from sendworker.postoffice.letter import read_form
from sendworker.postoffice.log import log

CLIENTS = 4
CONNECTIONS_EACH = 16
TIMEOUT_SECONDS = 15.0
_MAX_PATH = 2_000
_SERVER_ERROR = 500
# By pattern, since an address that is no address is refused too.
_HOST = re.compile(r"^[a-z]*://([^/?#]*).*", re.IGNORECASE | re.DOTALL)


class NoAnswer(Exception):
    """The server did not answer, or said that it could not (5xx): to be tried again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request; times are wall seconds. `outcome` says why where there is no status."""

    kind: str
    method: str
    path: str
    status: int | None
    outcome: str
    location: str | None
    at: float
    answered_at: float


def is_loopback(url: str) -> bool:
    """Whether an address leads to this machine itself: a literal loopback address, or localhost."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Browsers:
    """A few clients that keep their connections, shared by everybody; each person has a client for good."""

    def __init__(self) -> None:
        context = ssl.create_default_context()
        self._clients = [
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_EACH, ssl=context),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                # A jar that takes nothing: RFC 8058 3.2, and people do not share cookies.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            for _ in range(CLIENTS)
        ]
        self.refused_hosts: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            await client.close()

    async def fetch(self, fetch: Fetch, person: int) -> list[Answer]:
        """Do one request, and where it says so send the form of the page that came.

        Raises: NoAnswer.
        """
        answer, response = await self._ask(fetch, person, fetch.method, fetch.url, fetch.body, fetch.headers)
        if not fetch.sends_form or response is None or not response.ok:
            return [answer]
        form = read_form(await response.text(errors="replace"))
        if form is None:
            now = time.time()
            return [answer, Answer("unsubscribe", "POST", answer.path, None, "no_form", None, now, now)]
        # What a browser does for a page of its own: it sends back the cookies that came with it, to that page alone.
        pairs = [cookie.partition(";")[0].strip() for cookie in response.headers.getall("set-cookie", [])]
        cookies = (("Cookie", "; ".join(pairs)),) if pairs else ()
        headers = (*fetch.headers, ("Content-Type", "application/x-www-form-urlencoded"), *cookies)
        try:
            target = urljoin(fetch.url, form.action)
        except ValueError:
            target = form.action
        posted, _ = await self._ask(
            fetch, person, "POST", target, urlencode(form.fields).encode(), headers, "unsubscribe"
        )
        return [answer, posted]

    async def _ask(
        self,
        fetch: Fetch,
        person: int,
        method: str,
        url: str,
        body: bytes,
        headers: tuple[tuple[str, str], ...],
        kind: str | None = None,
    ) -> tuple[Answer, aiohttp.ClientResponse | None]:
        at = time.time()
        kind = kind or fetch.kind
        if not is_loopback(url):
            return self._refuse(kind, method, url, at), None
        split = urlsplit(url)
        path = (split.path + (f"?{split.query}" if split.query else ""))[:_MAX_PATH]
        sent = {**dict(headers), "User-Agent": fetch.origin.agent, "X-Forwarded-For": fetch.origin.ip}
        try:
            client, target = self._clients[person % CLIENTS], URL(url, encoded=url.isascii())
            async with client.request(
                method, target, headers=sent, data=body or None, allow_redirects=False
            ) as response:
                await response.read()
        except ValueError:
            # An address (InvalidURL) or a header that can't be sent.
            return Answer(kind, method, path, None, "bad_url", None, at, time.time()), None
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise NoAnswer(type(exc).__name__) from exc
        if response.status >= _SERVER_ERROR:
            raise NoAnswer(str(response.status))
        location = response.headers.get("location")
        return Answer(kind, method, path, response.status, "answered", location, at, time.time()), response

    def _refuse(self, kind: str, method: str, url: str, at: float) -> Answer:
        host = _HOST.sub(r"\1", url)[:200]
        if host not in self.refused_hosts:
            log("postoffice.host_refused", level="error", host=host, reason="only loopback hosts may be contacted")
        self.refused_hosts[host] += 1
        return Answer(kind, method, url[:_MAX_PATH], None, "refused_host", None, at, at)
