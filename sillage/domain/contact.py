"""A contact: reached by an e-mail address, an E.164 phone number, or both; each is parsed once, at the door."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from sillage.errors import BadInput

TEXT_FIELDS = ("first_name", "last_name", "company", "country", "city", "postcode", "language", "birthday")
"""Standard fields that are plain text, in the order in which files and tables show them."""

MAX_LOCAL_BYTES = 64  # RFC 5321 4.5.3.1.1
# Marks without width that copying from web pages and word processors leaves inside addresses.
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
# White space that may surround an address. Tabs and line ends are control characters: those are refused.
BLANKS = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_WITHOUT_INVISIBLE = {ord(mark): None for mark in INVISIBLE}
_NAMED = re.compile(r"[^<>@]*<\s*([^<>]*?)\s*>")
_BETWEEN_ADDRESSES = re.compile(r"[,;\s/|]+")
_ATOM = r"[^\s@<>()\[\]\\,;:\"]+"
_LOOKS_LIKE_ADDRESS = re.compile(rf"<?{_ATOM}@{_ATOM}>?")


class AddressFault(StrEnum):
    """Why a text is no address that mail can go to."""

    EMPTY = "empty"
    INVALID_ADDRESS = "invalid_address"
    INVALID_DOMAIN = "invalid_domain"
    LOCAL_PART_TOO_LONG = "local_part_too_long"
    SEVERAL_ADDRESSES = "several_addresses"
    ADDRESS_LITERAL = "address_literal"
    QUOTED_LOCAL_PART = "quoted_local_part"
    CONTROL_CHARACTER = "control_character"
    INVALID_PHONE = "invalid_phone"


_MESSAGES = {
    AddressFault.EMPTY: "there is no address",
    AddressFault.INVALID_ADDRESS: "this is no e-mail address",
    AddressFault.INVALID_DOMAIN: "the part after @ is no public domain",
    AddressFault.LOCAL_PART_TOO_LONG: f"the part before @ is longer than {MAX_LOCAL_BYTES} bytes",
    AddressFault.SEVERAL_ADDRESSES: "there are several addresses in one cell; give each a row of its own",
    AddressFault.ADDRESS_LITERAL: "the part after @ is an IP address; a domain is needed",
    AddressFault.QUOTED_LOCAL_PART: "the part before @ is quoted, which many servers refuse",
    AddressFault.CONTROL_CHARACTER: "the address holds a control character or a line end",
    AddressFault.INVALID_PHONE: "this is no phone number that can be dialled from abroad",
}


def _refuse(fault: AddressFault, field: str = "email") -> NoReturn:
    raise BadInput(_MESSAGES[fault], code=fault.value, field=field)


def has_control_character(text: str) -> bool:
    """Whether a text holds a control character, a line separator or a paragraph separator."""
    return any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in text)


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An address as the person wrote it, with the domain in lower case and in ASCII (IDNA 2008)."""

    local: str
    domain: str

    def __post_init__(self) -> None:
        if has_control_character(self.local + self.domain):
            _refuse(AddressFault.CONTROL_CHARACTER)
        if not self.local or not self.domain or "@" in self.local + self.domain:
            _refuse(AddressFault.INVALID_ADDRESS)

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def identity(self) -> str:
        """What the address is known by: no provider of note tells local parts apart by case."""
        return f"{self.local.lower()}@{self.domain}"

    @classmethod
    def parse(cls, text: str) -> EmailAddress:
        """Read what people write into cells: `Bob <bob@shop.example>`, `mailto:…`, blanks around, invisible marks.

        `.example` is taken, `.test`, `.invalid` and `.local` are not. Nothing is asked of the network.
        Raises: BadInput with an AddressFault as its code.
        """
        text = text.translate(_WITHOUT_INVISIBLE).strip(BLANKS)
        if not text:
            _refuse(AddressFault.EMPTY)
        if has_control_character(text):
            _refuse(AddressFault.CONTROL_CHARACTER)
        bare = _unwrap(text)
        if bare is None:
            _refuse(AddressFault.SEVERAL_ADDRESSES)
        local, at, domain = bare.rpartition("@")
        if not at or not local:
            _refuse(AddressFault.INVALID_ADDRESS)
        if domain.startswith("["):
            _refuse(AddressFault.ADDRESS_LITERAL)
        if local.startswith('"') and local.endswith('"'):
            _refuse(AddressFault.QUOTED_LOCAL_PART)
        if len(local.encode()) > MAX_LOCAL_BYTES:
            _refuse(AddressFault.LOCAL_PART_TOO_LONG)
        return _validated(local, domain)


def _unwrap(text: str) -> str | None:
    """The bare address out of its wrapping; None where there are several."""
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    parts = [part for part in _BETWEEN_ADDRESSES.split(text) if _LOOKS_LIKE_ADDRESS.fullmatch(part)]
    if len(parts) > 1:
        return None
    if named := _NAMED.fullmatch(text):
        text = named[1]
        if text[:7].lower() == "mailto:":
            text = text[7:]
    text = text.strip(BLANKS + ",;")
    for quote in ("'", '"'):
        if len(text) > 1 and text.startswith(quote) and text.endswith(quote):
            text = text[1:-1].strip(BLANKS)
    return text


def _validated(local: str, domain: str) -> EmailAddress:
    try:
        known = validate_email(f"{local}@{domain}", check_deliverability=False)
    except EmailNotValidError:
        _refuse(AddressFault.INVALID_ADDRESS if _is_domain(domain) else AddressFault.INVALID_DOMAIN)
    return EmailAddress(known.local_part, known.ascii_domain.lower())


def _is_domain(domain: str) -> bool:
    try:
        validate_email(f"a@{domain}", check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class E164:
    """A phone number in the international form: + and 8 to 15 digits."""

    number: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\+[1-9]\d{7,14}", self.number, re.ASCII):
            _refuse(AddressFault.INVALID_PHONE, "phone")

    def __str__(self) -> str:
        return self.number

    @classmethod
    def parse(cls, text: str, region: str | None = None) -> E164:
        """Read a number; one without a country code is of `region` (ISO 3166, as FR).

        Raises: BadInput (invalid_phone).
        """
        try:
            known = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            _refuse(AddressFault.INVALID_PHONE, "phone")
        if not phonenumbers.is_valid_number(known):
            _refuse(AddressFault.INVALID_PHONE, "phone")
        return cls(phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164))
