"""Group the domains of contacts by who takes their mail: a company's domain at a big provider has that one's limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import dns.exception
import dns.resolver
import structlog

from sillage.domain.provider import OTHER, provider_of_mx
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store import domain_providers
from sillage.store.database import Store

log = structlog.get_logger()

KEPT_FOR = timedelta(days=30)
AT_ONCE = 32
A_BATCH = 500
TIMEOUT_S = 5.0

MxOf = Callable[[str], list[str] | None]
"""Hosts of a domain, the preferred first; none where it has none; None where nobody answers."""


def resolver(server: str) -> MxOf:
    """Ask a name server, as 9.9.9.9, 127.0.0.1:5353, or `system` for that of this machine.

    Raises: BadInput.
    """
    asked = dns.resolver.Resolver(configure=server == "system")
    if server != "system":
        host, _, port = server.partition(":")
        try:
            asked.nameservers, asked.port = [host], int(port or 53)
        except ValueError as exc:
            raise BadInput(f"{server!r} is no name server: write 9.9.9.9 or 127.0.0.1:5353", code="bad_dns") from exc
    asked.lifetime = TIMEOUT_S

    def mx_of(domain: str) -> list[str] | None:
        try:
            answers = sorted(asked.resolve(domain, "MX", search=False), key=lambda a: int(a.preference))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException:
            return None
        return [str(a.exchange).rstrip(".").lower() for a in answers]

    return mx_of


def group_domains(store: Store, settings: Settings, mx_of: MxOf, *, most: int = 10_000) -> Counter[str]:
    """Look up domains that are on no list; how many were found at each provider.

    Campaigns that are planned from now on use it. Whoever does not answer is asked again the next time.
    """
    now = settings.clock.now()
    found: Counter[str] = Counter()
    with store.read() as conn:
        domains = domain_providers.to_look_up(conn, older_than=now - KEPT_FOR, limit=most)
    with ThreadPoolExecutor(AT_ONCE, "mx") as pool:
        for start in range(0, len(domains), A_BATCH):
            batch = domains[start : start + A_BATCH]
            answers = {d: hosts for d, hosts in zip(batch, pool.map(mx_of, batch), strict=True) if hosts is not None}
            known = {domain: provider_of_mx(hosts) or OTHER for domain, hosts in answers.items()}
            with store.write() as conn:
                domain_providers.keep(conn, known, now=now)
            found.update(known.values())
            log.info("domains.grouped", asked=len(batch), answered=len(answers))
    return found
