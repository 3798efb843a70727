"""Files without a person: every registered file is looked through for an address or a phone number.

Of a text file the person's records become empty lines, so that the number of every other row stays what proofs and
reports call it. A file that can't be mended so (a workbook, a Parquet file, a mail) is deleted when it holds them.
"""

from __future__ import annotations

import contextlib
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import duckdb

KEYS = frozenset({"dkim_key"})
"""Kinds of registered files that hold no person."""
MAX_RECORD = 1 << 20
"""A record of a text file that seems longer has a quote that nobody closed: the file goes as a whole."""
_CHUNK = 1 << 22
_OVERLAP = 4_096
_TEXT_LIKE = frozenset({"import_original", "import_refused", "import_stayed", "suppression_export", "export"})
_WORD = rb"A-Za-z0-9._%+\-"


@dataclass(frozen=True, slots=True)
class Sought:
    """What tells a person in a file, however it is encoded."""

    plain: re.Pattern[bytes]
    wide: re.Pattern[bytes]
    """The same in UTF-16."""

    @classmethod
    def of(cls, email: str | None, phone: str | None) -> Sought:
        """The patterns of an address and a number in E.164, as a person may have written both."""
        plain, wide = [], []
        for text in _spellings(email):
            address = text.encode()
            plain.append(rb"(?<![" + _WORD + rb"])" + re.escape(address) + rb"(?![A-Za-z0-9.\-]*[A-Za-z0-9])")
            wide.append(re.escape(text.encode("utf-16-le")))
            wide.append(re.escape(text.encode("utf-16-be")))
        if phone:
            digits = re.sub(r"\D", "", phone)[-9:]
            between = rb"[ .\-/()" + "\u00a0\u202f".encode() + rb"]*"
            plain.append(rb"(?<!\d{6})" + between.join(bytes([d]) for d in digits.encode()) + rb"(?!\d)")
            wide.append(re.escape(digits.encode("utf-16-le")))
            wide.append(re.escape(digits.encode("utf-16-be")))
        nothing = rb"(?!)"
        return cls(
            re.compile(b"|".join(plain) or nothing, re.IGNORECASE),
            re.compile(b"|".join(wide) or nothing, re.IGNORECASE),
        )


def erase_from(path: Path, kind: str, sought: Sought) -> str | None:
    """Take a person out of a file: "mended", "deleted", or None where the file does not hold them or is gone.

    Raises: OSError where the disk refuses.
    """
    if kind in KEYS or not path.is_file() or not _holds(path, sought):
        return None
    if _is_text(path, kind) and _mend(path, sought):
        return "mended"
    path.unlink(missing_ok=True)
    return "deleted"


def _spellings(email: str | None) -> Iterator[str]:
    if not email:
        return
    yield email
    local, _, domain = email.partition("@")
    with contextlib.suppress(UnicodeError):
        shown = domain.encode("ascii").decode("idna")
        if shown != domain:
            yield f"{local}@{shown}"


def _is_text(path: Path, kind: str) -> bool:
    """CSV and its like; what begins as an archive, a workbook, Parquet or UTF-16 is none."""
    if kind not in _TEXT_LIKE and not kind.startswith("import_"):
        return False
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return not head.startswith((b"PK", b"PAR1", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b")) and (
        b"\x00" not in head
    )


def _holds(path: Path, sought: Sought) -> bool:
    with path.open("rb") as file:
        head = file.read(4)
        if head == b"PAR1":
            return _parquet_holds(path, sought)
        if head.startswith(b"PK"):
            return _archive_holds(path, sought)
        file.seek(0)
        return _stream_holds(lambda: file.read(_CHUNK), sought)


def _stream_holds(read: Callable[[], bytes], sought: Sought) -> bool:
    tail = b""
    while chunk := read():
        seen = tail + chunk
        if sought.plain.search(seen) or sought.wide.search(seen):
            return True
        tail = seen[-_OVERLAP:]
    return False


def _archive_holds(path: Path, sought: Sought) -> bool:
    """Workbooks are archives of XML; one that can't be read is taken to hold anybody."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as part:
                    if _stream_holds(lambda part=part: part.read(_CHUNK), sought):  # type: ignore[misc]
                        return True
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        return True
    return False


def _parquet_holds(path: Path, sought: Sought) -> bool:
    con = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        cursor = con.execute("select to_json(t)::varchar from read_parquet(?) t", [str(path)])
        while rows := cursor.fetchmany(10_000):
            if any(sought.plain.search(str(row[0]).encode()) for row in rows):
                return True
    except duckdb.Error:
        # Neither can we look into it, nor can anybody prove anything by it.
        return True
    finally:
        con.close()
    return False


def _mend(path: Path, sought: Sought) -> bool:
    """Write the file anew with empty lines for the person's records; False where its records can't be told apart."""
    part = path.with_name(f"{path.name}.erasing")
    try:
        with path.open("rb") as source, os.fdopen(os.open(part, _WRITE, 0o600), "wb") as to:
            for record in _records(_lines(source)):
                if len(record) > MAX_RECORD:
                    return False
                to.write(_blank(record) if sought.plain.search(record) else record)
            to.flush()
            os.fsync(to.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return True


_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends: LF, or CR where a file knows no LF."""
    head = file.read(1 << 16)
    file.seek(0)
    if b"\n" in head or b"\r" not in head:
        yield from file
        return
    held = b""
    while chunk := file.read(_CHUNK):
        *whole, held = (held + chunk).split(b"\r")
        for line in whole:
            yield line + b"\r"
    if held:
        yield held


def _records(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Records with their ends: lines, those within double quotes joined."""
    held, is_open = b"", False
    for line in lines:
        held += line
        is_open ^= line.count(b'"') % 2 == 1
        if not is_open or len(held) > MAX_RECORD:
            yield held
            held, is_open = b"", False
    if held:
        yield held


def _blank(record: bytes) -> bytes:
    """As many line ends, and nothing else."""
    return bytes(byte for byte in record if byte in b"\r\n")
