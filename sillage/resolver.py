"""Asking the DNS. An answer that there is nothing is an empty list; only a DNS that does not answer raises."""

from __future__ import annotations

from collections.abc import Sequence

import dns.exception
import dns.resolver
import dns.reversename

from sillage.errors import BadInput, TransientError

TIMEOUT_S = 5.0


def servers(texts: Sequence[str]) -> tuple[list[str], int]:
    """Name servers and their port out of HOST or HOST:PORT.

    Raises: BadInput.
    """
    hosts, ports = [], set[int]()
    for text in texts:
        host, _, port = text.partition(":") if text.count(":") <= 1 else (text, "", "")
        if port and not port.isdigit():
            raise BadInput(f"SILLAGE_DNS_SERVERS: {text!r} is not HOST or HOST:PORT", code="bad_dns_server")
        hosts.append(host)
        ports.add(int(port or 53))
    if len(ports) > 1:
        raise BadInput("SILLAGE_DNS_SERVERS: all must have the same port", code="bad_dns_server")
    return hosts, ports.pop() if ports else 53


class Resolver:
    """Looks names up, waiting some seconds at most."""

    def __init__(self, name_servers: Sequence[str] = ()) -> None:
        self._resolver = dns.resolver.Resolver(configure=not name_servers)
        if name_servers:
            self._resolver.nameservers, self._resolver.port = servers(name_servers)
        self._resolver.lifetime = TIMEOUT_S

    def txt(self, name: str) -> list[str]:
        """TXT records, the strings of each joined."""
        return [b"".join(r.strings).decode("utf-8", "replace") for r in self._ask(name, "TXT")]

    def mx(self, name: str) -> list[tuple[int, str]]:
        """Mail servers: (preference, host), the preferred first. A null MX (RFC 7505) has an empty host."""
        return sorted((r.preference, _name(r.exchange)) for r in self._ask(name, "MX"))

    def addresses(self, name: str) -> list[str]:
        """IPv4 and IPv6 addresses of a host."""
        return [r.address for kind in ("A", "AAAA") for r in self._ask(name, kind)]

    def names(self, address: str) -> list[str]:
        """Names of an address (reverse DNS)."""
        return [_name(r.target) for r in self._ask(dns.reversename.from_address(address).to_text(), "PTR")]

    def _ask(self, name: str, kind: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  # dnspython's rdata have no common type
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.name.LabelTooLong, dns.name.EmptyLabel):
            return []
        except dns.exception.DNSException as exc:
            raise TransientError(f"the DNS does not answer for {name} {kind}: {exc}") from exc


def _name(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().rstrip(".")
