"""The cookies of the pages: who is signed in, which browser has been here before, and the one that forms answer to."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from starlette.responses import Response

from sillage.settings import Settings
from sillage.tokens import derive_key

DEVICE_DAYS = 400
"""The longest that browsers keep a cookie (RFC 6265bis 5.6.2)."""


class Cookies:
    """Names and makes the cookies of one installation. With https they are Secure and bound to this very host."""

    def __init__(self, settings: Settings) -> None:
        self._is_secure = settings.pages_url.startswith("https://")
        self._key = derive_key(settings.secret.get_secret_value(), "forms")
        prefix = "__Host-sillage" if self._is_secure else "sillage"
        self.session, self.device, self._form = prefix, f"{prefix}-device", f"{prefix}-form"

    def token(self, cookies: Mapping[str, str]) -> str:
        """The session's token in a browser's cookies."""
        return str(cookies.get(self.session, ""))

    def sign_in(self, response: Response, token: str, *, device: str = "") -> None:
        """Give a browser its session; without an age it goes with the browser."""
        self._set(response, self.session, token)
        if device:
            self._set(response, self.device, device, max_age=DEVICE_DAYS * 86_400)

    def sign_out(self, response: Response) -> None:
        """Take the session from a browser."""
        response.delete_cookie(self.session, path="/", secure=self._is_secure, httponly=True, samesite="lax")

    def form_token(self, cookies: Mapping[str, str]) -> tuple[str, str]:
        """The cookie that a form answers to (as it is, or a new one), and what the form has to say."""
        nonce = cookies.get(self._form, "")
        nonce = nonce if 20 <= len(nonce) <= 64 else secrets.token_urlsafe(24)  # noqa: PLR2004  # ours have 32
        return nonce, self._answer(nonce, self.token(cookies))

    def remember_form(self, response: Response, nonce: str) -> None:
        """Give a browser the cookie of its forms."""
        self._set(response, self._form, nonce)

    def is_own_form(self, cookies: Mapping[str, str], said: str) -> bool:
        """Whether a POST comes from a form that we drew for this very browser and session."""
        nonce = cookies.get(self._form, "")
        wanted = self._answer(nonce, self.token(cookies))
        return bool(nonce) and hmac.compare_digest(wanted.encode(), said.encode("utf-8", "replace"))

    def _answer(self, nonce: str, token: str) -> str:
        said = f"{nonce}\x00{token}".encode("utf-8", "replace")
        return hashlib.blake2b(said, key=self._key, digest_size=24).hexdigest()

    def _set(self, response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )
