"""The last look before a message leaves: whether this person may get it, and whether their opens may be measured."""

from __future__ import annotations

from collections.abc import Collection

from sillage.domain.campaign import MessageKind, Pixel

# Of these no message of any kind goes out: there is nobody to get it.
UNREACHABLE = frozenset({"npai", "hard_bounce", "erased"})


def why_not(  # noqa: PLR0911  # a list of reasons, one a line
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
    if not has_address:
        return "erased"
    if suppressed is not None and (kind is MessageKind.MARKETING or suppressed in UNREACHABLE):
        return suppressed
    if kind is not MessageKind.MARKETING:
        return None
    if marketing == "withdrawn":
        return "unsubscribed"
    if marketing != "granted" or basis not in allowed_bases:
        return "consent_missing"
    if lapses_at is None or lapses_at <= now:
        return "consent_too_old"
    return None


def pixel_for(tracking_policy: str, untracked_pixel: str, open_tracking: str | None) -> Pixel:
    """How the hole of the pixel is filled. Source: CNIL, deliberation 2026-042."""
    measured = open_tracking == "granted" if tracking_policy == "consent" else open_tracking != "withdrawn"
    return Pixel.INDIVIDUAL if measured else Pixel(untracked_pixel)
