"""Whether any server takes mail for a domain: asked of the resolver of the settings, and of nobody where there is none.

Only domains are asked for, never an address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import dns.asyncresolver
import dns.exception
import dns.resolver

from sillage.errors import BadInput
from sillage.store import mail_domains
from sillage.store.database import Store

FRESH = timedelta(days=30)
AT_ONCE = 20
TIMEOUT_S = 5.0


def resolver_at(place: str) -> dns.asyncresolver.Resolver:
    """A resolver at HOST or HOST:PORT.

    Raises: BadInput where none is set or the place is none.
    """
    host, _, port = place.rpartition(":") if place.count(":") == 1 else (place, "", "53")
    if not host or not port.isdigit():
        raise BadInput(
            "SILLAGE_RESOLVER is not set as HOST or HOST:PORT: no domain can be looked up", code="no_resolver"
        )
    found = dns.asyncresolver.Resolver(configure=False)
    try:
        found.nameservers = [host]
    except ValueError as exc:
        raise BadInput(f"SILLAGE_RESOLVER: {host} is no IP address", code="no_resolver") from exc
    found.port = int(port)
    found.lifetime = found.timeout = TIMEOUT_S
    return found


async def takes_mail(resolver: dns.asyncresolver.Resolver, domain: str) -> bool | None:
    """True, false, or None where the resolver gives no answer that counts.

    An MX of `.` says that there is no mail (RFC 7505); without an MX the domain's own address counts (RFC 5321 5.1).
    """
    try:
        answer = await resolver.resolve(f"{domain}.", "MX")
    except dns.resolver.NXDOMAIN:
        return False
    except dns.resolver.NoAnswer:
        return await _has_address(resolver, domain)
    except dns.exception.DNSException:
        return None
    return any(str(record.exchange) != "." for record in answer)


async def _has_address(resolver: dns.asyncresolver.Resolver, domain: str) -> bool | None:
    for kind in ("A", "AAAA"):
        try:
            await resolver.resolve(f"{domain}.", kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            continue
        except dns.exception.DNSException:
            return None
        return True
    return False


async def check(store: Store, place: str, domains: Iterable[str], now: datetime) -> dict[str, bool]:
    """Look up domains that were not looked up for 30 days, a few at a time; what was answered is kept in ops.

    Raises: BadInput where no resolver is set.
    """
    resolver = resolver_at(place)
    with store.read() as conn:
        fresh = mail_domains.checked_since(conn, now - FRESH)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(domain: str) -> tuple[str, bool | None]:
        async with gate:
            return domain, await takes_mail(resolver, domain)

    asked = await asyncio.gather(*(one(domain) for domain in dict.fromkeys(domains) if domain not in fresh))
    found = {domain: answer for domain, answer in asked if answer is not None}
    with store.write() as conn:
        mail_domains.note(conn, found, now)
    return found
