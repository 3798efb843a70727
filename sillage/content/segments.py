"""A message as byte segments with holes: what is joined for each recipient.

The headers are there twice, as they are sent and as DKIM hashes them (relaxed, RFC 6376 3.4.2), with the same holes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sillage.content.merge import Fields
from sillage.domain.campaign import Pixel


@dataclass(slots=True)
class Person:
    """What is filled in for one recipient."""

    address: str
    fields: Fields
    token: str
    mailbox_token: str
    anonymous_token: str
    pixel: Pixel
    sent_at: datetime


Filler = Callable[[Person], bytes]
_Holes = tuple[tuple[int, int], ...]
"""(segment, filler) of each hole: a filler that stands in many holes is asked once."""


@dataclass(frozen=True, slots=True)
class Segments:
    """A compiled message."""

    header_names: tuple[str, ...]
    _head: list[bytes]
    _head_holes: _Holes
    _canonical: list[bytes]
    _canonical_holes: _Holes
    _body: list[bytes]
    _body_holes: _Holes
    _fillers: tuple[Filler, ...]

    @property
    def size(self) -> int:
        """Octets of what is the same for everybody."""
        return sum(map(len, self._head)) + sum(map(len, self._body))

    def whole(self, person: Person) -> bytes:
        """The message."""
        values = [fill(person) for fill in self._fillers]
        return b"%b\r\n%b" % (_filled(self._head, self._head_holes, values), self._filled_body(values))

    def parts(self, person: Person) -> tuple[bytes, bytes, bytes]:
        """Headers as they are sent, headers as they are hashed, body."""
        values = [fill(person) for fill in self._fillers]
        head = _filled(self._head, self._head_holes, values)
        out = self._canonical.copy()
        for at, filler in self._canonical_holes:
            value = values[filler]
            # Folded by us alone, always at one blank: unfolding is taking the line ends out.
            out[at] = value.replace(b"\r\n", b"") if b"\r\n" in value else value
        return head, b"".join(out), self._filled_body(values)

    def _filled_body(self, values: list[bytes]) -> bytes:
        return _filled(self._body, self._body_holes, values)


def _filled(segments: list[bytes], holes: _Holes, values: list[bytes]) -> bytes:
    out = segments.copy()
    for at, filler in holes:
        out[at] = values[filler]
    return b"".join(out)


class _Run:
    """Segments being collected; neighbouring fixed bytes become one."""

    def __init__(self) -> None:
        self.segments: list[bytes] = []
        self.holes: list[tuple[int, int]] = []
        self._run = bytearray()

    def fixed(self, raw: bytes) -> None:
        self._run += raw

    def hole(self, filler: int) -> None:
        self.end()
        self.holes.append((len(self.segments), filler))
        self.segments.append(b"")

    def end(self) -> None:
        if self._run:
            self.segments.append(bytes(self._run))
            self._run.clear()


class Builder:
    """Makes Segments: headers first, then the body."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._head, self._canonical, self._body = _Run(), _Run(), _Run()
        self._fillers: list[Filler] = []

    def header(self, name: str, *parts: bytes | Filler) -> None:
        """Add a header; its fixed parts may be folded, at single blanks."""
        self._names.append(name)
        self._head.fixed(name.encode("ascii") + b": ")
        self._canonical.fixed(name.lower().encode("ascii") + b":")
        for part in parts:
            if isinstance(part, bytes):
                self._head.fixed(part)
                self._canonical.fixed(part.replace(b"\r\n", b""))
            else:
                number = self._number(part)
                self._head.hole(number)
                self._canonical.hole(number)
        self._head.fixed(b"\r\n")
        self._canonical.fixed(b"\r\n")

    def begin_body(self) -> None:
        """All headers are there."""
        self._head.end()
        self._canonical.end()

    def fixed(self, raw: bytes) -> None:
        """Add bytes to the body."""
        self._body.fixed(raw)

    def hole(self, filler: Filler) -> None:
        """Add a hole to the body."""
        self._body.hole(self._number(filler))

    def _number(self, filler: Filler) -> int:
        if filler not in self._fillers:
            self._fillers.append(filler)
        return self._fillers.index(filler)

    def done(self) -> Segments:
        """The compiled message."""
        self._body.end()
        return Segments(
            tuple(self._names),
            self._head.segments,
            tuple(self._head.holes),
            self._canonical.segments,
            tuple(self._canonical.holes),
            self._body.segments,
            tuple(self._body.holes),
            tuple(self._fillers),
        )
