"""Sharing on the report: a campaign made public and hidden again, and what came of its shares, by network."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages_world import Browser, Home, Told, new_home
from PIL import Image

from sillage.campaign.create import CampaignSpec, SenderSpec, VariantSpec, create_campaign
from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import BadInput, NotFound
from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, event_id
from sillage.lake.foundation import lay_foundation
from sillage.store import campaigns, images, outbox, public_versions
from sillage.store.public_versions import PublicVersion


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An account with a small campaign, and the live views of dbt."""
    made = new_home(tmp_path / "share")
    lay_foundation(made.settings)
    yield made
    made.store.close()


def _png(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 10), (shade, 0, 0)).save(out, "PNG")
    return out.getvalue()


def _campaign(home: Home) -> tuple[AccountId, CampaignId]:
    account = home.account("maison", "Maison", people=10)
    return account.id, home.campaign(account, "Lamps", Told(10, clicked=2), left=home.settings.clock.now())


def _public(home: Home, account: AccountId, campaign: CampaignId) -> PublicVersion:
    with home.store.read() as conn:
        found = public_versions.of_campaign(conn, account, campaign)
    assert found is not None
    return found


def test_campaign_is_made_public_posted_and_hidden_again(home: Home, browser: Browser) -> None:
    """One button makes the page; the networks' dialogs have its address; hidden, it comes back at the same one."""
    account, campaign = _campaign(home)
    app = browser.open(home, "report", campaign=str(campaign))
    app.button(key="share_on").click().run()
    held = _public(home, account, campaign)
    assert (held.is_on, held.title, held.is_listed) == (True, "Lamps for you", False)
    urls = [block.proto.url for block in app.get("link_button")]
    assert sum(f"%2Fp%2F{held.key}%3Fvia%3D" in url for url in urls) == 5
    app.text_input(key=f"share_title_{campaign}").set_value("Our lamps")
    app.checkbox(key=f"share_listed_{campaign}").check()
    next(button for button in app.button if button.label == "Save").click().run()
    changed = _public(home, account, campaign)
    assert (changed.title, changed.is_listed, changed.key) == ("Our lamps", True, held.key)
    app.button(key="share_off").click().run()
    assert not _public(home, account, campaign).is_on
    app.button(key="share_on").click().run()
    assert _public(home, account, campaign) == changed
    assert not app.exception


def test_shares_and_visits_stand_by_network_and_machines_apart(home: Home, browser: Browser) -> None:
    """A person counts once a network; those whose name the lake may not have by each press; previews in no figure."""
    account, campaign = _campaign(home)
    now = home.settings.clock.now()
    first = account * 1_000_000 + 1

    def event(kind: EventType, via: str, number: int, **more: object) -> Event:
        return Event(
            id=event_id("shared", kind, via, number), type=kind, account_id=account, campaign_id=campaign, via=via,
            occurred_at=now, recorded_at=now, **{"is_machine": False, **more},  # type: ignore[arg-type]
        )  # fmt: skip

    told = [
        event(EventType.SHARED, "facebook", 1, contact_id=first),
        event(EventType.SHARED, "facebook", 2, contact_id=first),
        event(EventType.SHARED, "x", 3, contact_id=first),
        event(EventType.SHARED, "facebook", 4),
        event(EventType.SHARED, "x", 5, is_test=True),
        event(EventType.PAGE_VIEWED, "facebook", 6),
        event(EventType.PAGE_VIEWED, "link", 7),
        event(EventType.PAGE_VIEWED, "facebook", 8, is_machine=True),
        event(EventType.PAGE_VIEWED, "import", 9, contact_id=first),
    ]
    with home.store.write() as conn:
        outbox.record(conn, told)
    collect_once(home.settings, home.store)
    app = browser.open(home, "report", campaign=str(campaign))
    said = [markdown.value for markdown in app.markdown]
    assert "Shared 3 times, 2 visits of the public version." in said
    (table,) = [text for text in said if "| Network |" in text]
    assert table.splitlines()[2:] == ["| Facebook | 2 | 1 |", "| X | 1 | 0 |", "| by its address alone | 0 | 1 |"]
    assert any("One more came from a machine" in caption.value for caption in app.caption)


def test_share_buttons_in_the_mail_make_it_public_at_once(home: Home) -> None:
    """A button would lead nowhere else; a mail without any stays with those who got it."""
    account = home.account("maison", "Maison", people=2)
    for name, href in (("with", "{{ share_x_url }}"), ("without", "https://shop.example/")):
        spec = CampaignSpec(
            name=name, sender=SenderSpec(name="Maison", email="news@maison.example"), include=["Readers"],
            variants=[VariantSpec(name="A", subject="{{ first_name }}, look", html=f'<a href="{href}">x</a>')],
        )  # fmt: skip
        with home.store.write() as conn:
            made = create_campaign(conn, home.settings, account, spec, now=home.settings.clock.now())
            found = public_versions.of_campaign(conn, account.id, made)
        assert (found.title if found and found.is_on else None) == ("look" if name == "with" else None)


def test_another_account_reaches_nothing_of_a_public_version(home: Home) -> None:
    """Its row, its picture and its versions are the account's own (trap 42); a title is needed."""
    account, campaign = _campaign(home)
    other = home.account("other", "Other", people=1)
    now = home.settings.clock.now()
    with home.store.write() as conn:
        variant = campaigns.variants_of(conn, account, campaign)[0].id
        held = public_versions.begin(conn, account, campaign, variant, "T", "", now=now)
        foreign = images.add(conn, home.settings, other.id, "x", _png(1), alt="", now=now)
        asked = {"variant_id": variant, "title": "T", "description": "", "image_id": None, "is_listed": False}
        assert public_versions.of_campaign(conn, other.id, campaign) is None
        for who, more, wrong in (
            (other.id, {}, NotFound), (account, {"image_id": foreign.id}, NotFound),
            (account, {"variant_id": variant + 1}, NotFound), (account, {"title": " "}, BadInput),
        ):  # fmt: skip
            with pytest.raises(wrong):
                public_versions.change(conn, who, campaign, **{**asked, **more})  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            public_versions.switch(conn, other.id, campaign, is_on=False)
        assert public_versions.by_key(conn, held.key) == held
        own = images.add(conn, home.settings, account, "own", _png(9), alt="", now=now)
        public_versions.change(conn, account, campaign, **{**asked, "image_id": own.id})  # type: ignore[arg-type]
        images.remove(conn, home.settings, account, own.id)
        assert _image_of(public_versions.by_key(conn, held.key)) is None


def _image_of(held: PublicVersion | None) -> object:
    assert held is not None
    return held.image
