"""Where a webhook may lead: public addresses over https, however they are spelt. Looked at when saved and when sent."""

from __future__ import annotations

from sillage import outward
from sillage.outward import Place
from sillage.settings import Settings
from sillage.tokens import derive_key


def webhook_key(settings: Settings, nonce: str) -> str:
    """The key that an account verifies our signatures with: shown when the webhook is set, kept nowhere."""
    return derive_key(settings.secret.get_secret_value(), f"alert webhook {nonce}").hex()


def checked_webhook(settings: Settings, url: str) -> str:
    """The address, stripped, if it may be told.

    Raises: BadInput; TransientError where its name has no address now.
    """
    look_at(url.strip(), may_be_private=settings.webhooks_may_be_private)
    return url.strip()


def look_at(url: str, *, may_be_private: bool) -> Place:
    """Where a webhook leads.

    Raises: BadInput where it may not go there; TransientError where its name has no address now.
    """
    return outward.look_at(url, what="webhook", code="bad_webhook", needs_tls=True, may_be_private=may_be_private)
