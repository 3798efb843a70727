"""Direct mode: each domain's own servers, found by MX (RFC 5321 5.1), null MX (RFC 7505) and MTA-STS (RFC 8461)."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.resolver
import httpx

from sendworker.reply import Reply, SessionError
from sendworker.routes import NoRouteError
from sendworker.smtp import Hop, Tls
from sillage.content.mime import ascii_domain
from sillage.errors import BadInput
from sillage.resolver import TIMEOUT_S, servers

MIN_TTL_S, MAX_TTL_S = 60.0, 3600.0
MAX_HOPS = 8
MAX_CACHED = 50_000
MAX_POLICY_BYTES = 64 * 1024
MAX_POLICY_AGE_S = 31_557_600
"""RFC 8461 3.2: a year."""

Fetch = Callable[[str, str], Awaitable[str]]
"""(policy host, one of its addresses) → the policy's text. Raises: OSError, httpx.HTTPError."""


@dataclass(frozen=True, slots=True)
class Policy:
    """An MTA-STS policy: whether it is enforced, and which servers it allows."""

    mode: str
    mx: tuple[str, ...]
    max_age: int

    def allows(self, host: str) -> bool:
        """RFC 8461 4.1: `*.` stands for exactly one label."""
        return any(
            host == pattern or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])
            for pattern in self.mx
        )


def parse_policy(text: str) -> Policy | None:
    """A policy file (RFC 8461 3.2), or None where it is none."""
    pairs = [line.partition(":") for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    fields = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
    values = dict(reversed(fields))
    age = values.get("max_age", "")
    mode = values.get("mode", "")
    mx = tuple(value.lower().rstrip(".") for name, value in fields if name == "mx")
    if values.get("version") != "STSv1" or mode not in {"enforce", "testing", "none"}:
        return None
    if not (age.isascii() and age.isdigit() and len(age) <= 10) or (mode != "none" and not mx):  # noqa: PLR2004
        return None
    return Policy(mode, mx, min(int(age), MAX_POLICY_AGE_S))


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found for a domain, until when."""

    hops: tuple[Hop, ...]
    refusal: Reply | None
    until: float


@dataclass(frozen=True, slots=True)
class _KnownPolicy:
    id: str
    policy: Policy
    until: float


class Direct:
    """Finds the servers of a domain, and remembers them as long as the DNS allows."""

    def __init__(
        self, helo: str, *, port: int = 25, name_servers: Sequence[str] = (), ca_file: str | None = None,
        fetch: Fetch | None = None, is_allowed: Callable[[str], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._helo, self._port, self._ca_file, self._clock = helo, port, ca_file, clock
        self._resolver = dns.asyncresolver.Resolver(configure=not name_servers)
        if name_servers:
            self._resolver.nameservers, self._resolver.port = servers(name_servers)
        self._resolver.lifetime = TIMEOUT_S
        self._fetch = fetch or _fetch
        # Mail for a name that leads to this machine or its network would be a way in, or a loop.
        self._is_allowed = is_allowed or (lambda address: ipaddress.ip_address(address).is_global)
        self._known: dict[str, _Known] = {}
        self._policies: dict[str, _KnownPolicy] = {}
        self._asking: dict[str, asyncio.Task[_Known]] = {}

    def pool_of(self, address: str) -> str:
        """The domain."""
        domain = address.rpartition("@")[2].lower()
        try:
            return ascii_domain(domain)
        except BadInput:
            return domain

    async def hops(self, pool: str) -> Sequence[Hop]:
        """The servers of a domain, the preferred first, equals in any order. Raises: NoRouteError, SessionError."""
        known = self._known.get(pool)
        if known is None or known.until <= self._clock():
            # All connections of a pool that open at once ask one question.
            task = self._asking.get(pool)
            if task is None:
                task = self._asking[pool] = asyncio.create_task(self._look_up(pool))
                task.add_done_callback(lambda _task: self._asking.pop(pool, None))
            known = await asyncio.shield(task)
        if known.refusal is not None:
            raise NoRouteError(known.refusal)
        return known.hops

    def tried(self, hop: Hop, *, worked: bool) -> None:
        """The order stays that of the DNS; a pool that fails waits as a whole."""

    async def _look_up(self, domain: str) -> _Known:
        exchanges, ttl = await self._exchanges(domain)
        refusal = None
        hops: list[Hop] = []
        if isinstance(exchanges, Reply):
            refusal = exchanges
        else:
            hops = await self._hops_of(domain, exchanges)
        known = _Known(tuple(hops), refusal, self._clock() + min(max(ttl, MIN_TTL_S), MAX_TTL_S))
        if len(self._known) >= MAX_CACHED:
            self._known.clear()
        self._known[domain] = known
        return known

    async def _exchanges(self, domain: str) -> tuple[list[tuple[int, str]] | Reply, float]:
        """(preference, host) of a domain and how long that holds; or why it will never take mail."""
        try:
            answer = await self._resolver.resolve(domain, "MX", search=False)
        except dns.resolver.NXDOMAIN:
            return Reply(550, "5.1.2", f"the domain {domain} does not exist"), MIN_TTL_S
        except dns.resolver.NoAnswer:
            # RFC 5321 5.1: a domain without MX is its own mail server.
            return [(0, domain)], MIN_TTL_S
        except dns.exception.DNSException as exc:
            raise SessionError(f"the DNS does not answer for {domain}: {exc}") from exc
        found = [(r.preference, r.exchange.to_text(omit_final_dot=True).lower()) for r in answer]
        ttl = float(answer.rrset.ttl) if answer.rrset is not None else MIN_TTL_S
        if [host for _, host in found] == ["."] or [host for _, host in found] == [""]:
            return Reply(556, "5.1.10", f"the domain {domain} takes no mail (null MX)"), ttl
        return found, ttl

    async def _hops_of(self, domain: str, exchanges: list[tuple[int, str]]) -> list[Hop]:
        policy = await self._policy(domain)
        is_enforced = policy is not None and policy.mode == "enforce"
        random.shuffle(exchanges)
        hops: list[Hop] = []
        for _, host in sorted(exchanges, key=lambda pair: pair[0]):
            if policy is not None and is_enforced and not policy.allows(host):
                continue
            tls = Tls.STARTTLS if is_enforced else Tls.OPPORTUNISTIC
            hops += [
                Hop(address, self._port, self._helo, tls=tls, ca_file=self._ca_file, name=host)
                for address in await self._addresses(host)
            ]
            if len(hops) >= MAX_HOPS:
                break
        if not hops:
            limits = ", or none that its MTA-STS policy allows" if is_enforced else ""
            raise SessionError(f"the mail servers of {domain} have no address that mail may go to{limits}")
        return hops[:MAX_HOPS]

    async def _addresses(self, host: str) -> list[str]:
        found: list[str] = []
        for kind in ("A", "AAAA"):
            try:
                answer = await self._resolver.resolve(host, kind, search=False)
            except dns.exception.DNSException:
                continue
            found += [r.address for r in answer]
        return [address for address in found if self._is_allowed(address)]

    async def _policy(self, domain: str) -> Policy | None:
        """The domain's MTA-STS policy, asked for again when its id changes; the old one holds until it is too old."""
        known = self._policies.get(domain)
        if known is not None and known.until <= self._clock():
            del self._policies[domain]
            known = None
        try:
            answer = await self._resolver.resolve(f"_mta-sts.{domain}", "TXT", search=False)
        except dns.exception.DNSException:
            return known.policy if known else None
        texts = [b"".join(r.strings).decode("ascii", "replace") for r in answer]
        ids = [text.partition("id=")[2].partition(";")[0].strip() for text in texts if text.startswith("v=STSv1;")]
        if len(ids) != 1:
            return known.policy if known else None
        if known is not None and known.id == ids[0]:
            return known.policy
        host = f"mta-sts.{domain}"
        try:
            addresses = await self._addresses(host)
            policy = parse_policy(await self._fetch(host, addresses[0])) if addresses else None
        except (OSError, httpx.HTTPError):
            policy = None
        if policy is None:
            return known.policy if known else None
        self._policies[domain] = _KnownPolicy(ids[0], policy, self._clock() + policy.max_age)
        return policy


async def _fetch(host: str, address: str) -> str:
    """RFC 8461 3.3: over verified HTTPS, no redirect followed, from the address that was looked at."""
    target = f"[{address}]" if ":" in address else address
    async with httpx.AsyncClient(timeout=10.0, follow_redirects=False, trust_env=False) as client:
        request = client.build_request(
            "GET", f"https://{target}/.well-known/mta-sts.txt", headers={"Host": host},
            extensions={"sni_hostname": host},
        )  # fmt: skip
        answer = await client.send(request, stream=True)
        try:
            answer.raise_for_status()
            if answer.status_code != 200 or not answer.headers.get("content-type", "").startswith("text/plain"):  # noqa: PLR2004
                raise httpx.HTTPError(f"{host} has no policy")
            raw = b""
            async for piece in answer.aiter_raw():
                raw += piece
                if len(raw) > MAX_POLICY_BYTES:
                    raise httpx.HTTPError(f"the policy of {host} is too long")
        finally:
            await answer.aclose()
    return raw.decode("utf-8", "replace")
