"""The last look before a message leaves: whether this person may get it, and whether their opens may be measured.

This is the one law. Planning asks it of a million people in SQL (`left_out_sql`), the claim asks it of each message
(`why_not`), and a page asks it for all its reasons (`reasons_against`); a test holds the three together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sillage.domain.campaign import MessageKind, Pixel

INSTALLATION = "installation"
"""Blocked by who runs the installation, for all its accounts."""
DOMAIN = "domain_suppressed"
"""The account mails nobody at that domain."""
# Of these no message of any kind goes out: there is nobody to get it, or nobody may.
UNREACHABLE = frozenset({"npai", "hard_bounce", "erased", INSTALLATION})


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a person when a message is about to leave. Times are microseconds since 1970."""

    has_address: bool = True
    suppressed: str | None = None
    """Why the address or its domain gets nothing; of several reasons the one that stops most."""
    marketing: str | None = None
    basis: str | None = None
    lapses_at: int | None = None


def reasons_against(
    kind: MessageKind, standing: Standing, *, now: int, allowed_bases: Collection[str], no_address: str = "no_address"
) -> list[str]:
    """Every reason to suppress a message, the first being the one that is told; none where it may leave."""
    if not standing.has_address:
        return [no_address]
    is_marketing = kind is MessageKind.MARKETING
    found: list[str] = []
    if standing.suppressed is not None and (is_marketing or standing.suppressed in UNREACHABLE):
        found.append(standing.suppressed)
    if is_marketing and (why := _without_consent(standing, now, allowed_bases)) is not None:
        found.append(why)
    return found


def _without_consent(standing: Standing, now: int, allowed_bases: Collection[str]) -> str | None:
    if standing.marketing == "withdrawn":
        return "unsubscribed"
    if standing.marketing != "granted" or standing.basis not in allowed_bases:
        return "consent_missing"
    if standing.lapses_at is None or standing.lapses_at <= now:
        return "consent_too_old"
    return None


def why_not(
    kind: MessageKind,
    *,
    has_address: bool,
    suppressed: str | None,
    marketing: str | None,
    basis: str | None,
    lapses_at: int | None,
    now: int,
    allowed_bases: Collection[str],
) -> str | None:
    """The reason to suppress a message, or None where it may leave. Times are microseconds since 1970."""
    standing = Standing(has_address, suppressed, marketing, basis, lapses_at)
    # A row that was planned and has no address any more was erased meanwhile.
    found = reasons_against(kind, standing, now=now, allowed_bases=allowed_bases, no_address="erased")
    return found[0] if found else None


def left_out_sql(*, has_address: str, suppressed: str, marketing: str, basis_allowed: str, lapses_at: str) -> str:
    """The same law as an SQL expression over expressions for its facts, with `?` for: is marketing (twice), now.

    Every comparison is written so that an unknown value counts against the message, as it does above.
    """
    unreachable = ", ".join(f"'{reason}'" for reason in sorted(UNREACHABLE))
    return f"""case
        when not ({has_address}) then 'no_address'
        when {suppressed} is not null and ({suppressed} in ({unreachable}) or ?) then {suppressed}
        when not ? then null
        when {marketing} = 'withdrawn' then 'unsubscribed'
        when coalesce({marketing}, '') <> 'granted' or not coalesce({basis_allowed}, false) then 'consent_missing'
        when {lapses_at} is null or {lapses_at} <= ? then 'consent_too_old'
    end"""


def strongest(installation: bool, address: str | None, domain: bool) -> str | None:  # facts of one row
    """Of the lists that a person may stand on, the reason that stops most: all mail, then the address's own."""
    if installation:
        return INSTALLATION
    return address if address is not None else DOMAIN if domain else None


def pixel_for(tracking_policy: str, untracked_pixel: str, open_tracking: str | None) -> Pixel:
    """How the hole of the pixel is filled. Source: CNIL, deliberation 2026-042."""
    measured = open_tracking == "granted" if tracking_policy == "consent" else open_tracking != "withdrawn"
    return Pixel.INDIVIDUAL if measured else Pixel(untracked_pixel)
