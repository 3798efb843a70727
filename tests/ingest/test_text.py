"""Encodings and line ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.errors import BadInput
from sillage.ingest.inspection import inspect_file
from sillage.ingest.text import blocks, detect

WESTERN = "Prénom;Ville\nÉlodie;Besançon\nFrançois;L\u2019Haÿ-les-Roses\nZoë;Nîmes, 12 €\n"
CODES = {
    "empty_file", "no_rows", "not_a_table", "unreadable", "unclosed_quote", "duplicate_header", "no_address_column",
    "unpacks_too_large",
}  # fmt: skip


def _file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "contacts.csv"
    path.write_bytes(data)
    return path


def _read(path: Path) -> str:
    return b"".join(blocks(path, detect(path))).decode()


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16"), ("cp1252", "cp1252"), ("utf-32", "utf-32"),
    ],
)  # fmt: skip
def test_encoding_is_told_by_the_bytes(tmp_path: Path, codec: str, name: str) -> None:
    """Each way to write a French file is recognised, and gives the same text."""
    path = _file(tmp_path, WESTERN.encode(codec))
    assert detect(path).name == name
    assert _read(path) == WESTERN


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1251", "Имя;Город\nИван Петров;Москва\nПётр;Тверь\nОльга;Казань\n"),  # noqa: RUF001
        ("mac_roman", "Prénom;Ville\nÉlodie;Besançon\nFrançois;Évreux\nHélène;Nîmes\n"),
        ("cp850", "Prénom;Ville\nÉlodie;Besançon\nFrançois;Évreux\nHélène;Nîmes\n"),
        ("cp1250", "Imię;Miasto\nŁukasz;Łódź\nWałęsa;Gdańsk\nŻaneta;Kraków\nŚwięty;Wrocław\n"),
        ("shift_jis", "名前;都市\n山田太郎;東京都\n佐藤花子;大阪府\n"),
    ],
)
def test_encoding_of_other_letters_is_found(tmp_path: Path, codec: str, text: str) -> None:
    """Where Western letters make no sense, the bytes are read as what does."""
    assert _read(_file(tmp_path, text.encode(codec))) == text


def test_encoding_mixed_in_one_file_is_read_line_by_line(tmp_path: Path) -> None:
    """Two exports pasted together: each line keeps its letters, and the file is marked."""
    lines = ["a;Zoé".encode(), "b;Zoé".encode("cp1252"), "c;Noël".encode()] * 3
    path = _file(tmp_path, b"\n".join(lines))
    assert detect(path).is_mixed
    assert _read(path).split("\n")[:3] == ["a;Zoé", "b;Zoé", "c;Noël"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\r\r\n"])
def test_line_ends_become_line_feeds(tmp_path: Path, ends: str) -> None:
    """Whatever ended the lines, there are as many of them."""
    path = _file(tmp_path, ends.join(["email,n", "a@b.example,1", "c@d.example,2", ""]).encode())
    assert _read(path) == "email,n\na@b.example,1\nc@d.example,2\n"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"), (b"\xef\xbb\xbf", "empty_file"), (b" \r\n\r\n", "empty_file"),
        (b"<html><body>no</body></html>", "not_a_table"), (b'{"email": 1}', "not_a_table"),
        (b"%PDF-1.7 ...", "unreadable"), (b"\xd0\xcf\x11\xe0 old excel", "unreadable"),
        (bytes(range(32)) * 40, "unreadable"), (b"PK\x03\x04" + b"\0" * 100, "unreadable"),
    ],
)  # fmt: skip
def test_file_of_another_kind_is_refused_by_its_content(tmp_path: Path, data: bytes, code: str) -> None:
    """A name ending in .csv proves nothing."""
    assert inspect_file(_file(tmp_path, data)).error == code


@given(data=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_inspection_survives_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Any bytes give an inspection, with one of the known codes where they are no table."""
    path = tmp_path_factory.mktemp("any") / "x.csv"
    path.write_bytes(data)
    found = inspect_file(path)
    assert found.error is None or found.error in CODES


def test_detect_names_an_empty_file(tmp_path: Path) -> None:
    """An empty file is said to be empty, not broken."""
    with pytest.raises(BadInput, match="is empty"):
        detect(_file(tmp_path, b""))
