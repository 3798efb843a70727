"""The image library: scoped, deduplicated, registered, and gone when it is thrown away; the brand kit beside it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from sillage.campaign.drafting import draft_of
from sillage.content.message import Source
from sillage.content.mime import Attachment
from sillage.domain.campaign import SourceKind
from sillage.domain.ids import AccountId
from sillage.errors import BadInput, NotFound
from sillage.settings import Settings
from sillage.store import accounts, brands, files, images
from sillage.store.brands import Brand
from sillage.store.database import Store
from sillage.store.image_files import file_of
from tests.world import World

OTHER = AccountId(2)


def _png(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (30, 20), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    made = World(any_store, settings)
    with any_store.write() as conn:
        accounts.create(conn, "other", "Other", created_at=made.now)
    return made


def test_picture_is_kept_once_under_an_address_nobody_guesses(world: World) -> None:
    """The same picture is one of the library, in its file, registered, and words come to it where it had none."""
    with world.store.write() as conn:
        first = images.add(conn, world.settings, world.id, "a.png", _png(), alt="", now=world.now)
        again = images.add(conn, world.settings, world.id, "b.png", _png(), alt="A lamp", now=world.now)
        other = images.add(conn, world.settings, OTHER, "a.png", _png(), alt="", now=world.now)
        registered = {entry.path: entry.kind for entry in files.listed(conn, world.id)}
    assert (again.id, again.alt) == (first.id, "A lamp")
    assert len({first.key, other.key}) == 2
    assert len(first.key) == 22
    path = file_of(world.settings, first.key, "png")
    assert path is not None
    assert Image.open(io.BytesIO(path.read_bytes())).size == (30, 20)
    assert registered == {path: "image"}


def test_pictures_of_one_account_are_not_there_for_another(world: World) -> None:
    """Read, listed, named, thrown away, or made a logo: only within the account."""
    with world.store.write() as conn:
        mine = images.add(conn, world.settings, world.id, "a.png", _png(), alt="", now=world.now)
        assert images.listed(conn, OTHER) == []
        assert images.by_keys(conn, OTHER, [mine.key]) == {}
        images.set_alt(conn, OTHER, mine.id, "theirs")
        with pytest.raises(NotFound):
            images.remove(conn, world.settings, OTHER, mine.id)
        with pytest.raises(NotFound):
            brands.set_brand(conn, OTHER, Brand(logo=mine))
        assert images.get(conn, world.id, mine.id).alt == ""
        assert images.by_keys(conn, world.id, [mine.key])[mine.key] == mine


def test_picture_that_is_thrown_away_leaves_nothing(world: World) -> None:
    """Its row, its file, its entry in the register, and its place as the logo."""
    with world.store.write() as conn:
        mine = images.add(conn, world.settings, world.id, "a.png", _png(), alt="", now=world.now)
        brands.set_brand(conn, world.id, Brand(logo=mine))
        images.remove(conn, world.settings, world.id, mine.id)
        assert images.listed(conn, world.id) == []
        assert files.listed(conn, world.id) == []
        assert brands.of_account(conn, world.id).logo is None
    path = file_of(world.settings, mine.key, "png")
    assert path is not None
    assert not path.exists()


def test_what_is_no_picture_leaves_nothing(world: World) -> None:
    """A refused upload is neither in the library nor on the disk."""
    with world.store.write() as conn, pytest.raises(BadInput):
        images.add(conn, world.settings, world.id, "a.png", b"<svg/>", alt="", now=world.now)
    assert not list(world.settings.images_dir.rglob("*")) if world.settings.images_dir.exists() else True


@pytest.mark.parametrize("key", ["../../../../etc/passwd", "a" * 21, "a" * 23, "a" * 21 + "/", ""])
def test_address_that_is_none_of_ours_has_no_file(settings: Settings, key: str) -> None:
    """Only what we could have made is looked for."""
    assert file_of(settings, key, "png") is None
    assert file_of(settings, "a" * 22, "svg") is None


def test_brand_kit_holds_colours_and_nothing_else(world: World) -> None:
    """A kit is kept and changed; what is no colour or no font is refused."""
    kit = Brand(("#112233", "#FFFFFF"), "#000000", "#0B7A75", "#0B7A75", "Georgia, serif")
    with world.store.write() as conn:
        assert brands.of_account(conn, world.id) == Brand()
        brands.set_brand(conn, world.id, kit)
        assert brands.of_account(conn, world.id) == kit
        assert brands.accent(conn, world.id) == "#0B7A75"
        brands.set_brand(conn, world.id, replace(kit, button_colour="#ffee00"))
        assert brands.accent(conn, world.id) is None
        assert brands.accent(conn, OTHER) is None
        brands.set_brand(conn, world.id, kit)
        for wrong in (
            replace(kit, text_colour="red;}"), replace(kit, colours=("#12345",)), replace(kit, font="a;b{}"),
            replace(kit, colours=("#000000",) * 9),
        ):  # fmt: skip
            with pytest.raises(BadInput):
                brands.set_brand(conn, world.id, wrong)
        assert brands.of_account(conn, world.id) == kit


def test_draft_of_a_template_has_its_pictures_in_the_library(world: World) -> None:
    """What was inside the message has a public address; a picture that is not shown is not kept."""
    body = "<mjml><mj-body><mj-image src=\"cid:lamp\" /><mj-image src='cid:lamp' /></mj-body></mjml>"
    pictures = (Attachment("lamp.png", "image/png", _png(), "lamp"), Attachment("x.png", "image/png", b"no", "x"))
    source = Source(SourceKind.MJML, body, "S", files=pictures)
    with world.store.write() as conn:
        draft = draft_of(conn, world.settings, world.id, "T", source, by=None, now=world.now)
        (kept,) = images.listed(conn, world.id)
    assert draft.written.body.count(world.settings.base_url + kept.path) == 2
    assert "cid:" not in draft.written.body
