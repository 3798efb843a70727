"""From a variant in ops to a message ready to be filled."""

from __future__ import annotations

from urllib.parse import urlsplit

import sqlalchemy as sa

from sillage.content.dkim import DkimKey
from sillage.content.html import Footer
from sillage.content.message import Compiled, Envelope, Source, compile_variant
from sillage.content.mime import ascii_domain
from sillage.domain.campaign import MessageKind
from sillage.domain.ids import AccountId, CampaignId, VariantId
from sillage.errors import BadInput
from sillage.i18n import catalogue, language_of
from sillage.settings import Settings, Transport
from sillage.store import accounts, campaigns, dkim_keys
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign, Sender, Variant


def footer_of(account: Account, kind: MessageKind) -> Footer:
    """Who sends it, why the person gets it, and the ways out, in the account's language."""
    _ = catalogue(account.locale).gettext
    reasons = {
        MessageKind.MARKETING: _("You get this message because you agreed to hear from %(name)s."),
        MessageKind.TRANSACTIONAL: _("You get this message because of something you did at %(name)s."),
        MessageKind.SERVICE: _("You get this message because you asked %(name)s for it."),
    }
    return Footer(
        sender=", ".join(part for part in (account.legal_name, account.postal_address) if part),
        reason=reasons[kind] % {"name": account.name},
        unsubscribe=_("Unsubscribe"),
        withdraw_tracking=_("Don't measure my opens and clicks"),
        view_online=_("View online"),
    )


def envelope_of(
    settings: Settings, account: Account, sender: Sender, campaign_id: CampaignId, variant_id: VariantId
) -> Envelope:
    """What all recipients of a variant see in the headers."""
    return Envelope(
        from_name=sender.name,
        from_email=sender.email,
        reply_to=sender.reply_to,
        bounce_domain=settings.bounce_domain,
        base_url=settings.base_url,
        feedback_id=f"{variant_id}:{campaign_id}:{account.id}:sillage",
        language=language_of(account.locale),
    )


def compile_for(settings: Settings, account: Account, sender: Sender, kind: MessageKind, source: Source) -> Compiled:
    """Compile a source before it has a place in ops, to learn its links, needs and faults.

    Raises: BadInput.
    """
    envelope = envelope_of(settings, account, sender, CampaignId(0), VariantId(0))
    return compile_variant(source, envelope, footer_of(account, kind))


def prepare(conn: sa.Connection, settings: Settings, campaign: Campaign, variant: Variant) -> Compiled:
    """The compiled message of a variant, with the keys that sign for its sender's domain.

    Raises: BadInput where its source can't be compiled, or may not be sent as the settings would send it.
    """
    account = accounts.by_id(conn, campaign.account_id)
    sender = campaigns.sender(conn, campaign.account_id, variant.sender_id or campaign.sender_id)
    envelope = envelope_of(settings, account, sender, campaign.id, variant.id)
    keys = signing_keys(conn, settings, campaign.account_id, sender)
    refuse_unready(settings, sender, signs=bool(keys))
    return compile_variant(variant.source, envelope, footer_of(account, campaign.kind), keys)


def signing_keys(conn: sa.Connection, settings: Settings, account_id: AccountId, sender: Sender) -> list[DkimKey]:
    """The active keys of a sender's domain; none where the relay signs, since one signature is enough."""
    if settings.relay_signs_dkim:
        return []
    domain = ascii_domain(sender.email.rpartition("@")[2]).lower()
    return [key.load() for key in dkim_keys.of_domain(conn, account_id, domain, dkim_keys.KeyState.ACTIVE)]


def refuse_unready(settings: Settings, sender: Sender, *, signs: bool) -> None:
    """What leaves the machine comes from a verified sender, tracks under its domain, and is signed (RFC 8058).

    Raises: BadInput that says what to do.
    """
    if settings.transport is Transport.POSTOFFICE:
        return
    domain = ascii_domain(sender.email.rpartition("@")[2]).lower()
    if sender.verified_at is None:
        raise BadInput(f"sender {sender.email} is not verified: nothing leaves in its name", code="sender_unverified")
    host = (urlsplit(settings.base_url).hostname or "").lower()
    if host != domain and not host.endswith(f".{domain}"):
        raise BadInput(
            f"links would lead to {host}, which is not under {domain}, the sender's domain:"
            f" set SILLAGE_PUBLIC_URL to a host like https://news.{domain}", code="foreign_tracking_host",
        )  # fmt: skip
    if not signs and not settings.relay_signs_dkim:
        raise BadInput(
            f"nothing signs mail from {domain}: `sillage domain key {domain}` makes keys, `sillage domain records`"
            " shows what to publish, `sillage domain activate` lets them sign"
            " (or the relay does: SILLAGE_RELAY_SIGNS_DKIM)",
            code="not_signed",
        )
