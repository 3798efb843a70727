"""Sharing a message: the networks, the address that each is given, and the dialog in which a person posts it."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote

LINK = "link"
"""How a visitor came who came by no network's address."""


class Network(StrEnum):
    """Where a message can be shared, in the order in which they are offered."""

    FACEBOOK = "facebook"
    LINKEDIN = "linkedin"
    X = "x"
    WHATSAPP = "whatsapp"
    EMAIL = "email"


NAMES = {
    Network.FACEBOOK: "Facebook", Network.LINKEDIN: "LinkedIn", Network.X: "X", Network.WHATSAPP: "WhatsApp",
    Network.EMAIL: "E-mail",
}  # fmt: skip
"""What a network is called; that of e-mail is a message of the catalogue."""
_DIALOGS = {
    Network.FACEBOOK: "https://www.facebook.com/sharer/sharer.php?u={address}",
    Network.LINKEDIN: "https://www.linkedin.com/sharing/share-offsite/?url={address}",
    Network.X: "https://x.com/intent/post?text={text}&url={address}",
    Network.WHATSAPP: "https://wa.me/?text={text}%20{address}",
    Network.EMAIL: "mailto:?subject={text}&body={text}%0D%0A%0D%0A{address}",
}


def public_address(base_url: str, key: str, network: Network | None = None) -> str:
    """Where everybody sees a message; with the network that it is given to, so that visits can be told apart."""
    address = f"{base_url}/p/{key}"
    return f"{address}?via={network}" if network is not None else address


def dialog(network: Network, address: str, text: str) -> str:
    """The address of a network's own dialog, in which whoever is signed in there posts an address.

    Facebook and LinkedIn take words and picture from the page itself (Open Graph).
    """
    return _DIALOGS[network].format(address=quote(address, safe=""), text=quote(" ".join(text.split()), safe=""))


def network_of(text: str) -> Network | None:
    """The network of a path or a query; None where there is no such."""
    return next((network for network in Network if network == text), None)
