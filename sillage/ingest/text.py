"""The text of a file: how it is encoded, and its lines as UTF-8 in blocks, whatever encoding and line ends it had."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from charset_normalizer import from_bytes

from sillage.errors import BadInput

BLOCK_BYTES = 4 << 20
SAMPLE_BYTES = 256 << 10
MAX_LINE_BYTES = 64 << 20
SAMPLE_LINES = 2_000
MANY_CONTROLS = 0.1
# A file of one-byte letters can hold a pair that happens to be UTF-8; one line in ten is no accident.
MIXED_FROM = 0.1
PLAUSIBLE = 0.6
# What a lone carriage return becomes where it ends no line: still a control character, but one that no reader of
# lines stumbles over.
STRAY_RETURN = b"\x0b"

_BOMS = (
    (codecs.BOM_UTF8, "utf-8", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16-be"),
)
_OTHER_CODECS = [
    "cp1250", "iso8859_2", "cp1251", "koi8_r", "cp1253", "cp1254", "mac_roman", "cp850", "cp437",
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip
_WESTERN = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿŒœŠšŽž")
_SIGNS = frozenset("€£§©®°²³½¼¾«»·\u2018\u2019“”„\u2013—…•™¡¿ªº\u00a0")
_BINARY = (
    b"%PDF-",
    b"\xd0\xcf\x11\xe0",
    b"\x1f\x8b",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"Rar!",
    b"7z\xbc\xaf",
    b"{\\rtf",
)
_NO_TABLE = re.compile(
    rb"\s*(<(!doctype|html|\?xml|head|body|table|!--)|\{\s*[\"}]|\[\s*[{\[\"]|BEGIN:VCARD|From: |Return-Path:)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the bytes of a file are read."""

    name: str
    """As people know it: utf-8, utf-16, cp1252 …"""
    codec: str
    bom_bytes: int = 0
    is_mixed: bool = False
    """Some lines are no UTF-8; those are read as cp1252."""
    return_ends_line: bool = False
    """A carriage return on its own ends a line (old Macs)."""


def detect(path: Path) -> Encoding:
    """Look at the whole file and say how it is encoded.

    Raises: BadInput (empty_file, unreadable, not_a_table).
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    _refuse_other_formats(path, head)
    name, codec, bom = _by_mark(head)
    if not name:
        name, codec, is_mixed = _by_content(path)
    else:
        is_mixed = name == "utf-8" and _invalid_share(path, bom) is not None
    sample = head[bom:].decode(codec, "replace")
    if name != "utf-8":
        _refuse_binary(path, sample)
    if not sample.strip("\ufeff \t\r\n\x1a"):
        raise BadInput(f"{path.name} is empty", code="empty_file")
    newlines, returns = sample.count("\n"), len(re.findall("\r(?!\r?\n)", sample))
    return Encoding(name, codec, bom, is_mixed, returns > newlines)


def _refuse_other_formats(path: Path, head: bytes) -> None:
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise BadInput(f"{path.name} is empty", code="empty_file")
    if head.startswith(_BINARY):
        raise BadInput(f"{path.name} is no text and no workbook: save it as CSV or XLSX", code="unreadable")
    if _NO_TABLE.match(head.removeprefix(codecs.BOM_UTF8)):
        raise BadInput(f"{path.name} holds a page or data of another kind, no table", code="not_a_table")


def _refuse_binary(path: Path, sample: str) -> None:
    controls = sum(sample.count(chr(c)) for c in range(32) if c not in (9, 10, 11, 12, 13, 30, 31))
    if controls > MANY_CONTROLS * len(sample):
        raise BadInput(f"{path.name} is no text: save it as CSV (UTF-8) or XLSX", code="unreadable")


def _by_mark(head: bytes) -> tuple[str, str, int]:
    for mark, name, codec in _BOMS:
        if head.startswith(mark):
            return name, codec, len(mark)
    even, odd = head[0:4096:2], head[1:4096:2]
    # Text in Latin letters leaves every second byte of UTF-16 zero.
    for codec, zero, full in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zero.count(0) > 0.4 * len(zero) and full.count(0) < 0.05 * max(len(full), 1):
            return "utf-16", codec, 0
    return "", "", 0


def _by_content(path: Path) -> tuple[str, str, bool]:
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    _refuse_binary(path, sample.decode("latin-1"))
    invalid = _invalid_share(path, 0)
    if invalid is None:
        return "utf-8", "utf-8", False
    share, lines = invalid
    if 1 - share >= MIXED_FROM:
        return "utf-8", "utf-8", True
    codec = _one_byte_codec(lines)
    return codec.replace("iso8859_", "iso-8859-").replace("_", "-"), codec, False


def _invalid_share(path: Path, skip: int) -> tuple[float, bytes] | None:
    """Of the lines with non-ASCII bytes, the share that is no UTF-8, with a sample of them; None where all are."""
    valid = invalid = 0
    sample: list[bytes] = []
    with path.open("rb") as file:
        file.seek(skip)
        for block in _raw_blocks(file, b"\n"):
            if block.isascii():
                continue
            if _is_utf8(block):
                valid += sum(not line.isascii() for line in block.split(b"\n"))
                continue
            for line in block.split(b"\n"):
                if line.isascii():
                    continue
                if _is_utf8(line):
                    valid += 1
                else:
                    invalid += 1
                    if len(sample) < SAMPLE_LINES:
                        sample.append(line[:400])
    return (invalid / (invalid + valid), b"\n".join(sample)) if invalid else None


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _one_byte_codec(sample: bytes) -> str:
    """The codec of bytes that are no UTF-8: cp1252 where that gives plausible Western text, else the likeliest."""
    if _plausible(sample.decode("cp1252", "replace")) >= PLAUSIBLE:
        return "cp1252"
    best = from_bytes(sample, cp_isolation=_OTHER_CODECS).best()
    return str(best.encoding) if best is not None else "cp1252"


def _plausible(text: str) -> float:
    """From -1 to 1: how much the non-ASCII characters look like Western letters and signs in their usual places."""
    score = count = 0
    for before, char, after in re.findall(r"(?=(.?)([^\x00-\x7f])(.?))", text):
        count += 1
        if char in _WESTERN:
            # A capital inside a word in small letters is a letter of another code page, and so are three in a row.
            is_strange = (char.isupper() and before.islower()) or (_is_accented(before) and _is_accented(after))
            score += -1 if is_strange else 1
        elif char in _SIGNS:
            score += -1 if before.isalpha() and after.isalpha() and char not in "\u2019·" else 1
        else:
            score -= 1
    return score / count if count else 1.0


def _is_accented(char: str) -> bool:
    return char.isalpha() and not char.isascii()


def _raw_blocks(file: IO[bytes], newline: bytes) -> Iterator[bytes]:
    """The bytes of a file in blocks that end where a line ends."""
    rest = b""
    while more := file.read(BLOCK_BYTES):
        rest += more
        cut = rest.rfind(newline) + len(newline)
        if cut >= len(newline):
            yield rest[:cut]
            rest = rest[cut:]
        elif len(rest) > MAX_LINE_BYTES:
            raise BadInput("a line of more than 64 MB: this is no table", code="not_a_table")
    if rest:
        yield rest


def blocks(path: Path, encoding: Encoding) -> Iterator[bytes]:
    """The file as UTF-8 in blocks of some 4 MB, each of whole lines that end in a line feed."""
    ends = "\r" if encoding.return_ends_line else "\n"
    with path.open("rb") as file:
        file.seek(encoding.bom_bytes)
        if encoding.codec.startswith(("utf-16", "utf-32")):
            raw = _wide_blocks(file, encoding.codec, ends)
        else:
            raw = (_as_utf8(block, encoding) for block in _raw_blocks(file, ends.encode()))
        for block in raw:
            lines = _with_line_feeds(block, return_ends_line=encoding.return_ends_line)
            yield lines if lines.endswith(b"\n") else lines + b"\n"


def _wide_blocks(file: IO[bytes], codec: str, ends: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(codec)("replace")
    rest = ""
    while more := file.read(BLOCK_BYTES):
        rest += decoder.decode(more)
        cut = rest.rfind(ends) + 1
        if cut:
            yield rest[:cut].encode("utf-8", "replace")
            rest = rest[cut:]
        elif len(rest) > MAX_LINE_BYTES:
            raise BadInput("a line of more than 64 MB: this is no table", code="not_a_table")
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest.encode("utf-8", "replace")


def _as_utf8(block: bytes, encoding: Encoding) -> bytes:
    if block.isascii():
        return block
    if encoding.codec != "utf-8":
        return block.decode(encoding.codec, "replace").encode()
    if not encoding.is_mixed or _is_utf8(block):
        return block
    return b"\n".join(
        line if _is_utf8(line) else line.decode("cp1252", "replace").encode() for line in block.split(b"\n")
    )


def _with_line_feeds(block: bytes, *, return_ends_line: bool) -> bytes:
    if b"\r" not in block:
        return block
    # A file that went through two systems has \r\r\n: one line end, written twice.
    block = block.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")
    return block.replace(b"\r", b"\n" if return_ends_line else STRAY_RETURN)
