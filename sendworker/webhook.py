"""A signed webhook, posted to where its owner said and nowhere else.

The name is resolved once, every address that it has must be public, and the connection goes to one of those very
addresses: a name that answers differently a moment later (rebinding) reaches nothing. Redirects are not followed.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from typing import Any

from sillage.alarm.address import look_at
from sillage.errors import PermanentError, TransientError
from sillage.outward import Pinned

TIMEOUT_S = 10.0
SIGNATURE, TIMESTAMP, DELIVERY = "Sillage-Signature", "Sillage-Timestamp", "Sillage-Delivery"
_OK = range(200, 300)


def signature(key_text: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA-256 over "TIMESTAMP.BODY", so that an old message can't be sent again as a new one."""
    return hmac.new(key_text.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(
    url: str, facts: dict[str, Any], *, delivery: str, key_text: str, timestamp: int, may_be_private: bool = False
) -> None:
    """Post a change. The same change has the same `Sillage-Delivery`, whatever is tried again.

    Raises: TransientError where it may work later; PermanentError where it never will.
    """
    place = look_at(url, may_be_private=may_be_private)
    body = json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Sillage",
        DELIVERY: delivery,
        TIMESTAMP: str(timestamp),
        SIGNATURE: f"sha256={signature(key_text, str(timestamp), body)}",
    }
    connection = Pinned(place, TIMEOUT_S)
    try:
        connection.request("POST", place.path, body, headers)
        answer = connection.getresponse()
        status = answer.status
    except (OSError, http.client.HTTPException) as exc:
        raise TransientError(f"webhook {place.host} does not answer: {exc}") from exc
    finally:
        connection.close()
    if status in _OK:
        return
    if 300 <= status < 400 or status == http.HTTPStatus.GONE:  # noqa: PLR2004  # a redirect could lead anywhere
        raise PermanentError(f"webhook {place.host} answers {status}: redirects are not followed")
    raise TransientError(f"webhook {place.host} answers {status}")
