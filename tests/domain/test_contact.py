"""Addresses and phone numbers, parsed once."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sillage.domain.contact import E164, AddressFault, EmailAddress, has_control_character
from sillage.errors import BadInput


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("anna@shop.example", "anna@shop.example"),
        ("  Anna@SHOP.example\u00a0", "Anna@shop.example"),
        ("Bob Marl <bob@shop.example>", "bob@shop.example"),
        ("Marl, Bob <bob@shop.example>", "bob@shop.example"),
        ("MAILTO:bob@shop.example?subject=hi", "bob@shop.example"),
        ("zer\u200bo@width.example", "zero@width.example"),
        ("a@exämple.example", "a@xn--exmple-cua.example"),
        ("ünï@shop.example", "ünï@shop.example"),
        ("bob@shop.example;", "bob@shop.example"),
    ],
)
def test_email_address_is_unwrapped_and_normalised(text: str, wanted: str) -> None:
    """What people write into cells becomes one bare address with an ASCII domain in lower case."""
    assert str(EmailAddress.parse(text)) == wanted


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", AddressFault.EMPTY),
        (" \u200b ", AddressFault.EMPTY),
        ("anna", AddressFault.INVALID_ADDRESS),
        ("anna@", AddressFault.INVALID_DOMAIN),
        ("a b@shop.example", AddressFault.INVALID_ADDRESS),
        ("a@@shop.example", AddressFault.INVALID_ADDRESS),
        ("a@localhost", AddressFault.INVALID_DOMAIN),
        ("a@shop.test", AddressFault.INVALID_DOMAIN),
        ("a@shop.invalid", AddressFault.INVALID_DOMAIN),
        ("a@shop.local", AddressFault.INVALID_DOMAIN),
        ("x" * 65 + "@shop.example", AddressFault.LOCAL_PART_TOO_LONG),
        ("a@shop.example; b@shop.example", AddressFault.SEVERAL_ADDRESSES),
        ("a@[127.0.0.1]", AddressFault.ADDRESS_LITERAL),
        ('"a b"@shop.example', AddressFault.QUOTED_LOCAL_PART),
        ("a@shop.example\r\nBcc: v@x.example", AddressFault.CONTROL_CHARACTER),
        ("a@shop.example\n", AddressFault.CONTROL_CHARACTER),
        ("a\x00@shop.example", AddressFault.CONTROL_CHARACTER),
        ("a\u2028@shop.example", AddressFault.CONTROL_CHARACTER),
    ],
)
def test_email_address_names_its_fault(text: str, fault: AddressFault) -> None:
    """What is no address is refused with the code of its fault."""
    with pytest.raises(BadInput) as caught:
        EmailAddress.parse(text)
    assert caught.value.code == fault


@given(st.text(max_size=80) | st.from_regex(r"[a-z .<>\"'\x00-\x1f]{0,9}@[a-z.\-\x00-\x1f]{0,12}\.[a-z]{2,3}"))
@example("a@b.example\x7f")
def test_email_address_never_holds_a_control_character(text: str) -> None:
    """Whatever the text, an address that comes out of it can break no header, and is read again as itself."""
    try:
        address = EmailAddress.parse(text)
    except BadInput:
        return
    assert not has_control_character(str(address))
    assert str(EmailAddress.parse(str(address))) == str(address)
    assert address.identity == EmailAddress.parse(address.identity).identity


def test_email_address_cannot_be_made_with_a_line_end() -> None:
    """The type refuses a control character even without parsing."""
    with pytest.raises(BadInput, match="control character"):
        EmailAddress("a\r\nb", "shop.example")


def test_email_address_identity_has_no_case() -> None:
    """Anna@ and anna@ are one person."""
    assert EmailAddress.parse("Anna@Shop.Example").identity == "anna@shop.example"


def test_phone_number_of_a_region_becomes_international() -> None:
    """A national number of the account's country is stored with its country code."""
    assert str(E164.parse("06 12 34 56 78", "FR")) == "+33612345678"


@given(st.text(max_size=30))
def test_phone_number_is_refused_or_e164(text: str) -> None:
    """Any text is a number of + and digits, or is refused."""
    try:
        number = E164.parse(text, "FR").number
    except BadInput:
        return
    assert number.startswith("+")
    assert number[1:].isdigit()
