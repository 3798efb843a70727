"""Tokens in links and return paths: who got which message, signed, in 36 characters.

One token serves all links of a message: the link's number stands behind it in clear and its target comes from
the campaign's table of links, so that no address to redirect to is ever taken from a URL.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct

import msgspec

from sillage.domain.ids import CampaignId, ContactId, VariantId

# flags (1), campaign (4), variant (4), contact (1 and 4): 14 bytes; with 13 bytes of MAC they fill 36 characters.
_PAYLOAD = struct.Struct(">BIIBI")
_PAYLOAD_BYTES = _PAYLOAD.size
_LOW_BITS = 32
_LOW = (1 << _LOW_BITS) - 1
_MAC_BYTES = 13
_IS_TEST = 1
# The alphabet of URLs to that of base64; the letters that only the latter has become what no base64 holds.
_FROM_URL = bytes.maketrans(b"-_+/", b"+/!!")
_URL_LENGTH = 36
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# Base 32 of ten bits at a time: three times as fast as the library's, which goes through five at a time.
_BASE32 = [a + b for a in "abcdefghijklmnopqrstuvwxyz234567" for b in "abcdefghijklmnopqrstuvwxyz234567"]
_MAILBOX_LENGTH = 44

NOBODY = ContactId(0)
"""The contact of a token that is the same for everybody of a variant (an anonymous total)."""


class Recipient(msgspec.Struct, frozen=True, gc=False):
    """What a token says."""

    campaign_id: CampaignId
    variant_id: VariantId
    contact_id: ContactId
    is_test: bool = False


class TokenKey:
    """Signs and reads tokens with one key, derived from the installation's secret for this purpose alone."""

    def __init__(self, secret: str) -> None:
        self._keyed = hashlib.blake2b(key=derive_key(secret, "tokens"), digest_size=_MAC_BYTES)

    def sign(self, recipient: Recipient) -> str:
        """The token of a recipient: 36 URL-safe characters."""
        return base64.urlsafe_b64encode(self._signed(recipient)).decode("ascii")

    def sign_for_mailbox(self, recipient: Recipient) -> str:
        """The token for a local part: 44 lower-case characters, since mail servers may fold case."""
        return base32_lower(self._signed(recipient))

    def sign_both(self, campaign_id: CampaignId, variant_id: VariantId, contact_id: ContactId) -> tuple[str, str]:
        """The tokens of a recipient for a URL and for a local part, with one MAC for both."""
        payload = _PAYLOAD.pack(0, campaign_id, variant_id, contact_id >> _LOW_BITS, contact_id & _LOW)
        raw = payload + self._mac(payload)
        return (
            binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE).decode("ascii"),
            base32_lower(raw),
        )

    def read(self, token: str | bytes) -> Recipient | None:
        """The recipient of a token in a URL, or None where it was not signed by us."""
        raw = token.encode("ascii", "replace") if isinstance(token, str) else token
        if len(raw) != _URL_LENGTH:
            return None
        try:
            return self._verified(binascii.a2b_base64(raw.translate(_FROM_URL), strict_mode=True))
        except ValueError:
            return None

    def read_from_mailbox(self, token: str) -> Recipient | None:
        """The recipient of a token in a local part, or None where it was not signed by us."""
        if len(token) != _MAILBOX_LENGTH:
            return None
        try:
            return self._verified(base64.b32decode(token.upper() + "===="))
        except ValueError:
            return None

    def _signed(self, recipient: Recipient) -> bytes:
        flags, contact = _IS_TEST if recipient.is_test else 0, recipient.contact_id
        payload = _PAYLOAD.pack(
            flags, recipient.campaign_id, recipient.variant_id, contact >> _LOW_BITS, contact & _LOW
        )
        return payload + self._mac(payload)

    def _verified(self, raw: bytes) -> Recipient | None:
        payload = raw[:_PAYLOAD_BYTES]
        if not hmac.compare_digest(raw[_PAYLOAD_BYTES:], self._mac(payload)):
            return None
        flags, campaign, variant, high, low = _PAYLOAD.unpack(payload)
        # A name from NewType is a call as well, and this is the tracker's hottest path.
        return Recipient(campaign, variant, high << _LOW_BITS | low, flags & _IS_TEST > 0)

    def _mac(self, payload: bytes) -> bytes:
        mac = self._keyed.copy()
        mac.update(payload)
        return mac.digest()


def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose out of the installation's secret, so that no key serves two."""
    return hashlib.blake2b(purpose.encode(), key=secret.encode()[:64], digest_size=32).digest()


def address_hash(secret: str, address: str) -> bytes:
    """The keyed hash of a normalised address or phone number: 16 bytes, all that is kept of an erased person."""
    return hashlib.blake2b(address.encode(), key=derive_key(secret, "suppression"), digest_size=16).digest()


def base32_lower(raw: bytes) -> str:
    """RFC 4648 base 32 in lower case, without padding."""
    bits = len(raw) * 8
    digits = -(-bits // 5)
    pairs = -(-digits // 2)
    number = int.from_bytes(raw, "big") << (pairs * 10 - bits)
    return "".join([_BASE32[(number >> shift) & 1023] for shift in range(pairs * 10 - 10, -1, -10)])[:digits]
