"""From a variant in ops to a message ready to be filled."""

from __future__ import annotations

import sqlalchemy as sa

from sillage.content.html import Footer
from sillage.content.message import Compiled, Envelope, Source, compile_variant
from sillage.domain.campaign import MessageKind
from sillage.domain.ids import CampaignId, VariantId
from sillage.i18n import catalogue, language_of
from sillage.settings import Settings
from sillage.store import accounts, campaigns
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
    """The compiled message of a variant.

    Raises: BadInput where its source can't be compiled.
    """
    account = accounts.by_id(conn, campaign.account_id)
    sender = campaigns.sender(conn, campaign.account_id, campaign.sender_id)
    envelope = envelope_of(settings, account, sender, campaign.id, variant.id)
    return compile_variant(variant.source, envelope, footer_of(account, campaign.kind))
