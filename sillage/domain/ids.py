"""Identifiers, as types of their own so that one can't stand for another."""

from __future__ import annotations

from typing import NewType

AccountId = NewType("AccountId", int)
ContactId = NewType("ContactId", int)
CampaignId = NewType("CampaignId", int)
VariantId = NewType("VariantId", int)
GroupId = NewType("GroupId", int)
SegmentId = NewType("SegmentId", int)
ImportId = NewType("ImportId", int)
