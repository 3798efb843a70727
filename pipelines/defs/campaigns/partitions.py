"""One partition per campaign, added when it is planned."""

import dagster as dg

from sillage.domain.ids import CampaignId
from sillage.errors import BadInput

CAMPAIGNS = dg.DynamicPartitionsDefinition(name="campaigns")
_PREFIX = "campaign-"


def key_of(campaign_id: CampaignId) -> str:
    """The partition of a campaign."""
    return f"{_PREFIX}{campaign_id}"


def campaign_of(key: str) -> CampaignId:
    """The campaign of a partition.

    Raises: BadInput where the key names none.
    """
    number = key.removeprefix(_PREFIX)
    if not key.startswith(_PREFIX) or not number.isdecimal():
        raise BadInput(f"{key!r} names no campaign; write {_PREFIX}NUMBER", code="bad_partition")
    return CampaignId(int(number))
