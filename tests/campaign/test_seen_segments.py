"""Blocks that a segment sees: settled when the campaign is planned, filled when it is sent, and shown again online."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sillage.campaign.plan import plan_campaign
from sillage.campaign.prepare import compile_for
from sillage.campaign.webview import render
from sillage.content.merge import segments_named
from sillage.content.segments import Person
from sillage.domain.campaign import MessageKind, Pixel
from sillage.domain.ids import CampaignId, ContactId
from sillage.domain.segment import parse_tree
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store import campaigns, deliveries, people, seen_segments, segments
from sillage.store.database import Store
from sillage.store.merge_fields import merged
from sillage.store.tables import contacts
from sillage.store.tables import seen_segments as table
from sillage.tokens import Recipient
from tests.world import World

MJML = (
    '<mjml><mj-body><mj-raw>{% if segments contains "Of Brest" %}</mj-raw><mj-section><mj-column>'
    "<mj-text>For Brest alone</mj-text></mj-column></mj-section><mj-raw>{% endif %}</mj-raw>"
    "<mj-section><mj-column><mj-text>For all</mj-text></mj-column></mj-section></mj-body></mjml>"
)


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """Two contacts in Brest and three elsewhere, and a segment that tells them apart."""
    found = World(any_store, settings)
    found.add_contacts(2, city="Brest")
    found.add_contacts(3, city="Lille")
    with any_store.write() as conn:
        tree = parse_tree({"kind": "field", "field": "city", "op": "equals", "value": "brest"})
        segments.save(conn, found.id, "Of Brest", tree, now=found.now)
    return found


def _planned(world: World, mjml: str = MJML) -> CampaignId:
    campaign = world.add_campaign(variants=[{"subject": "Hello", "mjml": mjml}])
    plan_campaign(world.store, world.settings, world.id, campaign)
    return campaign


def test_who_was_in_the_segment_at_planning_gets_its_block(world: World) -> None:
    """The block is in the mails of those in the segment alone, whatever becomes of the segment later."""
    campaign = _planned(world)
    with world.store.write() as conn:
        conn.execute(sa.update(contacts).values(city="Lille"))
        rows = [
            row
            for provider in ("gmail", "free", "orange")
            for row in deliveries.claim_due(conn, campaign, provider=provider, worker_id=1, now=world.now, limit=10)
        ]
        sender = campaigns.senders_of(conn, world.id)[0]
        variant = campaigns.variants_of(conn, world.id, campaign)[0]
    compiled = compile_for(world.settings, world.account, sender, MessageKind.MARKETING, variant.source)
    got = {}
    for row in rows:
        fields = {
            **merged(row.email, row.fields, row.custom),
            **({"segments": list(row.segments)} if row.segments else {}),
        }
        message = compiled.fill(
            Person(row.email or "", fields, "t" * 36, "m" * 44, "n" * 36, Pixel.ANONYMOUS, world.now)
        )
        got[row.contact_id] = b"For Brest alone" in message
        assert b"For all" in message
    assert sorted(got.values()) == [False, False, False, True, True]
    with world.store.read() as conn:
        for contact, is_shown in got.items():
            page = render(conn, world.settings, Recipient(campaign, variant.id, contact))
            assert page is not None
            assert ("For Brest alone" in page) is is_shown


def test_segment_that_is_not_there_stops_the_plan_with_its_name(world: World) -> None:
    """A block for a segment that was thrown away is no surprise at sending: the plan is refused."""
    with pytest.raises(BadInput, match="Of Brest, gone"):
        _planned(world, MJML.replace("Of Brest", "Of Brest, gone"))


def test_campaign_that_asks_for_no_segment_notes_none(world: World) -> None:
    """Nothing is kept of segments that no content asks for."""
    _planned(world, MJML.replace('segments contains "Of Brest"', "city"))
    with world.store.read() as conn:
        assert conn.execute(sa.select(table)).first() is None


def test_erased_person_is_in_no_segment_any_more(world: World) -> None:
    """What was noted of a person goes with the person."""
    campaign = _planned(world)
    with world.store.write() as conn:
        noted = conn.execute(sa.select(table.c.contact_id)).scalars().all()
        assert len(noted) == 2
        people.erase(conn, world.id, ContactId(noted[0]), now=world.now)
        assert seen_segments.of(conn, campaign, [ContactId(n) for n in noted]) == {noted[1]: ["Of Brest"]}


def test_names_are_found_within_tags_alone() -> None:
    """Both quotation marks, several in one tag, and nothing out of a text."""
    body = '{% if segments contains "A b" or segments contains \'C\' %}x{% endif %} segments contains "D"'
    assert segments_named(body, "{%- unless segments contains 'E' -%}") == ["A b", "C", "E"]
