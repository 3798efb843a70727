"""DKIM signatures (RFC 6376) in RSA-2048 and Ed25519 (RFC 8463), relaxed/relaxed, over messages of our own making.

Our messages are canonical by construction: the body as it is, the headers as a second template beside the first one.
So a signature costs a hash of the body, a hash of the headers and the private key's work, and nothing is parsed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from sillage.errors import BadInput

RSA_BITS = 2048
"""What every receiver verifies (RFC 8301 wants 2048 and no less than 1024); more does not fit one UDP answer."""
_PADDING = padding.PKCS1v15()
_PREHASHED = Prehashed(hashes.SHA256())
OVERSIGNED = ("from", "to", "subject", "date", "reply-to", "list-unsubscribe", "list-unsubscribe-post")
"""Named once more than they occur, so that nobody can add a second one and keep the signature."""
_BASE64_LINE = 72


class Algorithm(StrEnum):
    """What a key signs with."""

    RSA = "rsa"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private key with the name that its public half has in the DNS."""

    domain: str
    selector: str
    algorithm: Algorithm
    private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"DkimKey({self.selector}._domainkey.{self.domain}, {self.algorithm})"

    @property
    def public(self) -> str:
        """The public key as the record's p= says it, base64."""
        public = self.private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        else:
            raw = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(raw).decode("ascii")

    @property
    def record(self) -> str:
        """The TXT record of this key, RFC 6376 3.6.1."""
        return f"v=DKIM1; k={self.algorithm}; p={self.public}"

    @property
    def record_name(self) -> str:
        """Where its TXT record lies."""
        return f"{self.selector}._domainkey.{self.domain}"

    def to_pem(self) -> bytes:
        """The private key, for its file."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def generate(domain: str, selector: str, algorithm: Algorithm) -> DkimKey:
    """A new key."""
    if algorithm is Algorithm.ED25519:
        return DkimKey(domain, selector, algorithm, ed25519.Ed25519PrivateKey.generate())
    return DkimKey(domain, selector, algorithm, rsa.generate_private_key(65537, RSA_BITS))


def from_pem(domain: str, selector: str, pem: bytes) -> DkimKey:
    """A key out of its file.

    Raises: BadInput where it is no unencrypted RSA (1024 bits or more) or Ed25519 key.
    """
    try:
        private = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadInput(f"the key of {selector}._domainkey.{domain} is no private key", code="bad_key") from None
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return DkimKey(domain, selector, Algorithm.ED25519, private)
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= 1024:  # noqa: PLR2004
        return DkimKey(domain, selector, Algorithm.RSA, private)
    raise BadInput(f"the key of {selector}._domainkey.{domain} is neither RSA nor Ed25519", code="bad_key")


class Signer:
    """Signs the messages of one template: the names of its headers, in their order, are known beforehand."""

    def __init__(self, keys: Sequence[DkimKey], header_names: Sequence[str]) -> None:
        names = [name.lower() for name in header_names]
        listed = ":".join([*names, *(name for name in OVERSIGNED if name in names or name == "reply-to")])
        self._keys = [(key, *_templates(key, listed)) for key in keys]

    def sign(self, canonical_headers: bytes, body: bytes, at: datetime) -> bytes:
        """The DKIM-Signature headers, one a key, each with its line end.

        `canonical_headers`: all headers, relaxed (RFC 6376 3.4.2), in the order given; `body`: canonical already.
        """
        body_hash = base64.b64encode(hashlib.sha256(body).digest())
        stamp = b"%d" % int(at.timestamp())
        out: list[bytes] = []
        for key, raw, canonical in self._keys:
            covered = hashlib.sha256(canonical_headers)
            covered.update(canonical % (stamp, body_hash))
            if isinstance(key.private, rsa.RSAPrivateKey):
                signature = key.private.sign(covered.digest(), _PADDING, _PREHASHED)
            else:
                signature = key.private.sign(covered.digest())
            out.append(raw % (stamp, body_hash) + _folded(base64.b64encode(signature)) + b"\r\n")
        return b"".join(out)


def _templates(key: DkimKey, listed: str) -> tuple[bytes, bytes]:
    """The header up to its signature, as it is sent and as it is hashed; `%b` for the time and the body's hash."""
    algorithm = "rsa-sha256" if key.algorithm is Algorithm.RSA else "ed25519-sha256"
    names = listed.split(":")
    lines, line = [], ""
    for name in names:
        if line and len(line) + len(name) > _BASE64_LINE - 4:
            lines.append(line)
            line = ""
        line += f"{name}:"
    lines.append(line.rstrip(":"))
    raw = (
        f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; d={key.domain};\r\n"
        f" s={key.selector}; t=%b;\r\n h={f'{chr(13)}{chr(10)} '.join(lines)};\r\n bh=%b;\r\n b="
    )
    flat = raw.replace("\r\n", "").partition(": ")[2]
    return raw.encode("ascii"), f"dkim-signature:{flat}".encode("ascii")


def _folded(text: bytes) -> bytes:
    return b"\r\n ".join([text[at : at + _BASE64_LINE] for at in range(0, len(text), _BASE64_LINE)])
