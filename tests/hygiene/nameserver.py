"""A name server on loopback for tests: answers what it was told, and counts the questions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """`zone` is domain → records by type; a domain that is not there does not exist, one with "refused" fails."""

    def __init__(self, zone: dict[str, dict[str, str]]) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        domain, kind = str(question.name).rstrip("."), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((domain, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        records = self.zone.get(domain)
        if records is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif "refused" in records:
            answer.set_rcode(dns.rcode.REFUSED)
        elif kind in records:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, records[kind]))
        assert self._transport is not None
        self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def naming(zone: dict[str, dict[str, str]]) -> AsyncIterator[NameServer]:
    """The server on a free loopback port."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(zone), ("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
