"""The anti-spam test of a version of a campaign: the very message that would leave, as a filter sees it."""

from __future__ import annotations

from dataclasses import replace

from sillage.campaign.prepare import envelope_of, footer_of
from sillage.content.letter import read_letter
from sillage.content.message import Source, compile_variant
from sillage.content.segments import Person
from sillage.content.spam import SpamScore, score
from sillage.domain.campaign import MessageKind, Pixel
from sillage.domain.ids import CampaignId, VariantId
from sillage.settings import Settings, Transport
from sillage.store.accounts import Account
from sillage.store.campaigns import Sender
from sillage.tokens import NOBODY, Recipient, TokenKey

_READER = "camille.martin@example.com"
_FIELD = "Camille"


def spam_test(settings: Settings, account: Account, sender: Sender, kind: MessageKind, source: Source) -> SpamScore:
    """The score of a source, filled for a reader who has a value in each field.

    Raises: BadInput where it can't be compiled.
    """
    envelope = envelope_of(settings, account, sender, CampaignId(0), VariantId(0))
    if settings.transport is Transport.POSTOFFICE:
        # Links to loopback cost points that no change of the author's can take away.
        envelope = replace(envelope, base_url=f"https://links.{sender.email.rpartition('@')[2]}")
    compiled = compile_variant(source, envelope, footer_of(account, kind))
    key = TokenKey(settings.secret.get_secret_value())
    nobody = Recipient(CampaignId(0), VariantId(0), NOBODY)
    person = Person(
        address=_READER,
        fields=dict.fromkeys(compiled.all_fields, _FIELD),
        token=key.sign(nobody),
        mailbox_token=key.sign_for_mailbox(nobody),
        anonymous_token=key.sign(nobody),
        pixel=Pixel.ANONYMOUS,
        sent_at=settings.clock.now(),
    )
    return score(read_letter(compiled.fill(person)))
