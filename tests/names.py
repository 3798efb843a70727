"""A little name server on loopback: answers what it is told, over UDP and TCP."""

from __future__ import annotations

import errno
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = dict[tuple[str, str], list[str]]
"""(name, type) → records as zone files write them."""


def answer(zone: Zone, raw: bytes) -> bytes:
    query = dns.message.from_wire(raw)
    (question,) = query.question
    name = question.name.to_text(omit_final_dot=True).lower()
    kind = dns.rdatatype.to_text(question.rdtype)
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    if zone.get((name, "FAIL")):
        reply.set_rcode(dns.rcode.SERVFAIL)
    elif found := zone.get((name, kind)):
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
    elif not any(known == name for known, _ in zone):
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply.to_wire()


@contextmanager
def name_server(zone: Zone) -> Iterator[str]:
    """Serve a zone, which may change meanwhile; HOST:PORT."""

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            raw, sock = self.request
            reply = answer(zone, raw)
            if len(reply) > 1200:
                cut = dns.message.from_wire(reply)
                cut.answer.clear()
                cut.flags |= dns.flags.TC
                reply = cut.to_wire()
            sock.sendto(reply, self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            size = self.rfile.read(2)
            if len(size) == 2:
                reply = answer(zone, self.rfile.read(struct.unpack("!H", size)[0]))
                self.wfile.write(struct.pack("!H", len(reply)) + reply)

    udp, tcp = _on_one_port(Udp, Tcp)
    with udp, tcp:
        for server in (udp, tcp):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"127.0.0.1:{udp.server_address[1]}"
        finally:
            udp.shutdown()
            tcp.shutdown()


def _on_one_port(
    over_udp: type[socketserver.BaseRequestHandler], over_tcp: type[socketserver.BaseRequestHandler]
) -> tuple[socketserver.UDPServer, socketserver.TCPServer]:
    """Both servers on a port that is free for both: one that UDP may have can be some connection's of another test."""
    for _ in range(50):
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), over_udp)
        try:
            return udp, socketserver.ThreadingTCPServer(udp.server_address, over_tcp)
        except OSError as taken:
            udp.server_close()
            if taken.errno != errno.EADDRINUSE:
                raise
    raise RuntimeError("no port in 50 tries is free for UDP and TCP")
