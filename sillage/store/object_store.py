"""A bucket that speaks S3's HTTP API: put, get and delete of whole objects, signed as AWS Signature Version 4 asks.

Three requests are all that pictures need, and their signature is a page of hashing; a client library is fifty times
that. Addresses are path-style (`endpoint/bucket/key`), which every server of that API understands.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import httpx

from sillage.errors import TransientError
from sillage.settings import Settings

TIMEOUT_S = 5.0
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, with a prefix before all keys (empty, or ending in a slash), and who may write to it."""

    endpoint: str
    region: str
    name: str
    prefix: str
    access_key: str
    secret_key: str = field(repr=False)

    def put(self, key: str, content: bytes, media_type: str) -> None:
        """Raises: TransientError where the store does not take it."""
        answer = self._ask("PUT", key, content, {"content-type": media_type})
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}:
            raise self._refused("take", key, answer)

    def get(self, key: str) -> bytes | None:
        """An object; None where there is none.

        Raises: TransientError where the store does not answer.
        """
        answer = self._ask("GET", key)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        if answer.status_code != HTTPStatus.OK:
            raise self._refused("give", key, answer)
        return answer.content

    def delete(self, key: str) -> None:
        """Forget an object, which need not be there. Raises: TransientError where the store does not answer."""
        answer = self._ask("DELETE", key)
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND}:
            raise self._refused("forget", key, answer)

    def _ask(
        self, method: str, key: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        url = f"{self.endpoint}/{quote(self.name)}/{quote(self.prefix + key)}"
        signed = sign(
            method, url, {**(headers or {})}, content, access_key=self.access_key, secret_key=self.secret_key,
            region=self.region, now=datetime.now(UTC),
        )  # fmt: skip
        try:
            return httpx.request(method, url, content=content, headers=signed, timeout=TIMEOUT_S)
        except httpx.HTTPError as exc:
            raise TransientError(f"the image store {self.endpoint} does not answer: {type(exc).__name__}") from exc

    def _refused(self, verb: str, key: str, answer: httpx.Response) -> TransientError:
        return TransientError(
            f"the image store {self.endpoint} does not {verb} {key}: it answers {answer.status_code};"
            " look at SILLAGE_S3_ACCESS_KEY, SILLAGE_S3_SECRET_KEY and what they may do"
        )


def bucket_of(settings: Settings) -> Bucket | None:
    """The bucket that the settings name for pictures; None where they lie in the data directory."""
    if not settings.images_url:
        return None
    place = urlsplit(settings.images_url)
    prefix = place.path.strip("/")
    return Bucket(
        endpoint=settings.s3_endpoint.rstrip("/"),
        region=settings.s3_region,
        name=place.netloc,
        prefix=f"{prefix}/" if prefix else "",
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
    )


def sign(
    method: str, url: str, headers: Mapping[str, str], content: bytes, *, access_key: str, secret_key: str, region: str,
    now: datetime,
) -> dict[str, str]:  # fmt: skip
    """The headers of a request with its signature. `url` is percent-encoded already and has its query in order.

    Source: AWS Signature Version 4, "Authenticating Requests: Using the Authorization Header".
    """
    place, moment = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(content).hexdigest() if content else _EMPTY
    named = {
        **{name.lower(): " ".join(value.split()) for name, value in headers.items()},
        "host": place.netloc, "x-amz-content-sha256": digest, "x-amz-date": moment,
    }  # fmt: skip
    names = sorted(named)
    canonical = "\n".join(
        [
            method,
            place.path or "/",
            place.query,
            *(f"{name}:{named[name]}" for name in names),
            "",
            ";".join(names),
            digest,
        ]
    )
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret_key}".encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    named["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},SignedHeaders={';'.join(names)},Signature={signature}"
    )
    return named
