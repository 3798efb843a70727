"""MIME by construction: quoted-printable and headers that need no second look.

The body comes out canonical in DKIM's sense (RFC 6376 3.4.4): no run of blanks, none at the end of a line; and no
line starts with a dot, so that SMTP has nothing to stuff.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import quote

import idna

from sillage.errors import BadInput

LINE = 76
"""Longest line of quoted-printable, RFC 2045 6.7 (5)."""
SOFT_BREAK = b"=\r\n"

_PLAIN = frozenset(b"!\"#$%&'()*+,-/0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~")
_ENCODED = [bytes([b]) if b in _PLAIN else b"=%02X" % b for b in range(256)]
_DOT = ord(".")
_SPACE = ord(" ")
_SAFE_FIELD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_@,:;/+'()-]| (?! ))*")
_SAFE_FIELD_CHARS = 70
_WORD_OCTETS = 42
"""45 octets make 60 base64 characters; with `=?utf-8?b?` and `?=` an encoded word stays below RFC 2047's 75."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}")
_CID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,120}")
MAX_NAME_CHARS = 120
_QUICK_FIELD = re.compile(r"[^\s.\x00-\x1f](?:[^\s\x00-\x1f]| (?![ ]|$)){0,60}")


def quoted_printable(text: str, *, width_of_mark: int = 0, mark: str = "") -> bytes:
    r"""Encode text, line ends as CRLF.

    `mark` is a character that stands for `width_of_mark` safe octets put there later: it comes out as one NUL,
    and its width is counted in the length of its line. The text starts at the beginning of a line, and what comes
    after it must start with a soft break, as fields do.
    """
    out = bytearray()
    column = 0
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        if number:
            out += b"\r\n"
            column = 0
        column = _encode_line(out, column, line, mark, width_of_mark)
    return bytes(out)


def _encode_line(out: bytearray, column: int, line: str, mark: str, width_of_mark: int) -> int:
    for index, piece in enumerate(line.split(mark) if mark else [line]):
        if index:
            if column + width_of_mark > LINE - 1:
                out += SOFT_BREAK
                column = 0
            out += b"\x00"
            column += width_of_mark
        raw = piece.encode("utf-8", "replace")
        last = len(raw) - 1
        for at, octet in enumerate(raw):
            code = _ENCODED[octet]
            if octet == _SPACE:
                # A blank stays only between two other characters; else its line would not be canonical.
                alone = 0 < at < last and raw[at - 1] != _SPACE
                code = b" " if alone and column > 0 else b"=20"
            elif octet == _DOT:
                code = b"=2E" if column == 0 else b"."
            if column + len(code) > LINE - 1:
                out += SOFT_BREAK
                column = 0
                if code in {b".", b" "}:
                    code = b"=%02X" % octet
            out += code
            column += len(code)
    return column


def field(value: str) -> bytes:
    """A merge field's value within quoted-printable, on lines of its own: what stands around it can't change."""
    if len(value) <= _SAFE_FIELD_CHARS and _SAFE_FIELD.fullmatch(value) and value[-1] != " ":
        return b"=\r\n%b=\r\n" % value.encode("ascii")
    if _QUICK_FIELD.fullmatch(value):
        # The C encoder does right by what has no blank in a place of consequence and fits on one line.
        raw = binascii.b2a_qp(value.encode("utf-8", "replace"))
        if len(raw) < LINE and raw[0] != _DOT:
            return b"=\r\n%b=\r\n" % raw
    return SOFT_BREAK + quoted_printable(value) + SOFT_BREAK


def unstructured(text: str) -> bytes:
    """The value of a header such as Subject: RFC 2047 where it is not plain ASCII, folded, without line ends.

    Controls and line ends become blanks, so that no header can be put in by a merge field.
    """
    flat = " ".join((text if text.isprintable() else "".join([c if c.isprintable() else " " for c in text])).split())
    if flat.isascii() and "=?" not in flat and max(map(len, flat.split()), default=0) <= LINE - 2:
        return _fold(flat)
    whole = flat.encode("utf-8", "replace")
    if len(whole) <= _WORD_OCTETS:
        return b"=?utf-8?b?%b?=" % binascii.b2a_base64(whole, newline=False)
    words, chunk = [], bytearray()
    for char in flat:
        raw = char.encode("utf-8", "replace")
        if len(chunk) + len(raw) > _WORD_OCTETS:
            words.append(bytes(chunk))
            chunk = bytearray()
        chunk += raw
    words.append(bytes(chunk))
    return b"\r\n ".join(b"=?utf-8?b?%b?=" % base64.b64encode(word) for word in words)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a message: shown within the HTML where it has a Content-ID (`<img src="cid:…">`), else attached."""

    name: str
    type: str
    content: bytes
    cid: str = ""

    def __post_init__(self) -> None:
        main, _, sub = self.type.partition("/")
        if not (_TOKEN.fullmatch(main) and _TOKEN.fullmatch(sub)) or main in {"multipart", "message"}:
            raise BadInput(f"{self.name!r}: {self.type!r} is no type of a file", code="bad_attachment", field="type")
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > MAX_NAME_CHARS:
            raise BadInput(
                f"{self.name!r} is no name for a file: printable, {MAX_NAME_CHARS} characters at most",
                code="bad_attachment", field="name",
            )  # fmt: skip
        if self.cid and not _CID.fullmatch(self.cid):
            raise BadInput(f"{self.name!r}: {self.cid!r} is no Content-ID", code="bad_attachment", field="cid")


def attachment(file: Attachment) -> bytes:
    """A file as a MIME part, headers and all; its name in UTF-8 as RFC 2231 writes it."""
    body = base64.encodebytes(file.content).replace(b"\n", b"\r\n")
    if file.name.isascii():
        escaped = file.name.replace("\\", "\\\\").replace('"', '\\"').encode("ascii")
        name = b'filename="%b"' % b" ".join(escaped.split())
    else:
        name = b"filename*=utf-8''" + quote(file.name, safe="").encode("ascii")
    if len(name) > LINE * 10:
        name = b'filename="file"'
    kind = b"inline" if file.cid else b"attachment"
    cid = b"Content-ID: <%b>\r\n" % file.cid.encode("ascii") if file.cid else b""
    return b"Content-Type: %b\r\nContent-Transfer-Encoding: base64\r\n%bContent-Disposition: %b;\r\n %b\r\n\r\n%b" % (
        file.type.encode("ascii"),
        cid,
        kind,
        name,
        body,
    )


def ascii_domain(domain: str) -> str:
    """A domain as it travels, IDN in A-labels (RFC 5891).

    Raises: BadInput where it is none.
    """
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as exc:
        raise BadInput(f"{domain!r} is no domain: {exc}", code="bad_domain") from exc


def address(text: str) -> bytes:
    """An address with its domain in A-labels; a local part outside ASCII stays, and needs SMTPUTF8."""
    if text.isascii():
        return text.encode("ascii")
    local, _, domain = text.rpartition("@")
    return f"{local}@{ascii_domain(domain)}".encode()


def mailbox(name: str, email: str) -> bytes:
    """`"Name" <address>` for From, To or Reply-To; the address is one that `EmailAddress` let through."""
    raw = address(email)
    name = " ".join(name.split())
    if not name:
        return raw
    if name.isascii() and name.isprintable():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"').encode("ascii")
        return b'"%b" <%b>' % (escaped, raw)
    return unstructured(name) + b"\r\n <" + raw + b">"


def _fold(text: str) -> bytes:
    lines, line = list[str](), ""
    for word in text.split(" "):
        # The first line has the header's name before it: leave room for the longest, List-Unsubscribe-Post.
        limit = LINE - 22 if not lines else LINE - 1
        if line and len(line) + 1 + len(word) > limit:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line]).encode("ascii")
