"""What the segments' page says of segments over time, and what it sets going."""

from __future__ import annotations

from datetime import timedelta

from pages_world import Browser, Home

from sillage.campaign.create import CampaignSpec, SenderSpec, VariantSpec, create_campaign
from sillage.domain.segment import parse_tree
from sillage.store import segment_members, segment_sizes, segments

SHOP = "https://shop.example/shoes"


def test_segments_are_drawn_over_time_watched_and_links_fill_groups(bare: Home, browser: Browser) -> None:
    """A segment's sizes are a picture, watching it is one choice, and a chosen link of a campaign fills a group."""
    account, now = bare.account("early", "Early", people=3), bare.settings.clock.now()
    spec = CampaignSpec(
        name="Shoes", sender=SenderSpec(name="Early", email="news@early.example"), include=["Everybody"],
        variants=[VariantSpec(subject="Shoes", html=f'<p><a href="{SHOP}">shop</a></p>')],
    )  # fmt: skip
    with bare.store.write() as conn:
        saved = segments.save(conn, account.id, "Everybody", parse_tree({"kind": "everyone"}), now=now)
        segment_sizes.note(conn, account.id, {saved.id: 2}, now=now - timedelta(days=1))
        segment_sizes.note(conn, account.id, {saved.id: 3}, now=now)
        campaign = create_campaign(conn, bare.settings, account, spec, now=now)
    app = browser.open(bare, "segments")
    assert not app.exception
    assert len(app.get("arrow_vega_lite_chart") or app.get("vega_lite_chart")) == 1
    app.multiselect(key="segment_watched").set_value(["Everybody"]).run()
    app.button(key="segment_watch").click().run()
    app.selectbox(key="link_campaign").set_value(int(campaign)).run()
    app.selectbox(key="link_url").set_value(SHOP).run()
    app.text_input(key="link_group").set_value("Shoes").run()
    app.button(key="link_save").click().run()
    assert not app.exception
    with bare.store.read() as conn:
        assert set(segment_members.watched(conn, account.id)) == {saved.id}
        (rule,) = segment_members.link_rules(conn, account.id)
    assert (rule.campaign_id, rule.url) == (campaign, SHOP)
