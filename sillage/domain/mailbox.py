"""Which mailbox an address leads to: one person's mailbox has many spellings."""

from __future__ import annotations

from sillage.domain.contact import EmailAddress

_SAME_DOMAIN = {"googlemail.com": "gmail.com"}
_IGNORES_DOTS = frozenset({"gmail.com"})


def mailbox_of(address: EmailAddress) -> str:
    """The address without what its provider ignores: a suffix behind +, and the dots at Gmail.

    Sources: RFC 5233 (subaddressing); support.google.com/mail/answer/7436150 (dots don't matter in Gmail addresses).
    """
    local, domain = address.local.lower().partition("+")[0], _SAME_DOMAIN.get(address.domain, address.domain)
    if domain in _IGNORES_DOTS:
        local = local.replace(".", "")
    return f"{local or address.local.lower()}@{domain}"


def victim_of(address: EmailAddress) -> str:
    """What sign-ups are counted by: dots are ignored everywhere, since some other providers ignore them too.

    Two people whose addresses differ by a dot alone share one confirmation mail a day; a flood of variants gets none.
    """
    local, _, domain = mailbox_of(address).rpartition("@")
    return f"{local.replace('.', '') or local}@{domain}"
