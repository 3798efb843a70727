"""Whole columns of addresses against one address at a time."""

from __future__ import annotations

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from sillage.domain.contact import E164, EmailAddress
from sillage.errors import BadInput
from sillage.ingest.address import parse_addresses, parse_phones

PIECES = st.sampled_from(
    ["a", "B", ".", "..", "-", "--", "_", "@", "@@", "+", "'", '"', " ", "é", "ß", "x" * 63, "test", "example", ".com",
     ".test", ".local", "xn--", "[", "1.2.3.4", ",", ";", "<", ">", "mailto:", "\t", "\n", "\x00", "\u200b", "\u00a0"]
)  # fmt: skip
ADDRESSES = st.lists(PIECES, max_size=8).map("".join) | st.emails() | st.text(max_size=40)


def _one(text: str) -> tuple[str | None, str | None, str | None, str | None]:
    try:
        address = EmailAddress.parse(text)
    except BadInput as exc:
        return None, None, None, exc.code
    return address.identity, str(address), address.domain, None


@given(st.lists(ADDRESSES, min_size=1, max_size=12))
@example(["a@b.c-d.example", "a@-b.example", "a@b-.example", "A.B@C.EXAMPLE", "x" * 64 + "@a.example"])
@example(["a@" + "b" * 63 + ".example", "a@" + "b" * 64 + ".example", "a@" + "b." * 130 + "example", "a@b.c1"])
def test_column_gives_the_same_verdict_as_each_address_alone(cells: list[str]) -> None:
    """The fast way over a column and EmailAddress.parse agree on every cell that has something in it."""
    found = parse_addresses(pl.Series(cells, dtype=pl.String)).select("email", "shown", "domain", "fault").rows()
    for text, row in zip(cells, found, strict=True):
        alone = _one(text)
        assert row == ((None,) * 4 if alone[3] == "empty" and row[3] is None else alone), text


NUMBERS = st.from_regex(r"(\+33|0033|33|0|\+33 ?\(0\)|\+)? ?[1-9]([ .-]?\d{2}){3,5}\d?", fullmatch=True)


@given(st.lists(NUMBERS | st.text(max_size=15), max_size=10), st.sampled_from(["FR", None]))
@example(["06 12 34 56 78", "+33 (0)6 12 34 56 78", "0033612345678", "700000000", "0712345678"], "FR")
def test_phone_column_gives_the_same_verdict_as_each_number_alone(cells: list[str], region: str | None) -> None:
    """The fast way for French numbers and the library agree, but that a column also takes dots and blanks anywhere."""
    found = parse_phones(pl.Series(cells, dtype=pl.String), region).rows()
    for text, (phone, is_wrong) in zip(cells, found, strict=True):
        try:
            alone: str | None = E164.parse("".join(text.replace(".", "").replace("-", "").split()), region).number
        except BadInput:
            alone = None
        if phone is not None or alone is not None:
            assert phone == alone, text
        assert is_wrong == (phone is None and bool(text.strip(" \t\n\r\x0b\x0c./-\u00a0\u202f"))) or not text.isascii()
