"""Images and attachments: from a campaign's folder into the message."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest

from sillage.campaign.create import MAX_FILES_BYTES, create_campaign, read_folder
from sillage.campaign.prepare import prepare
from sillage.content.segments import Person
from sillage.domain.campaign import Pixel
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store import campaigns
from sillage.store.database import Store
from tests.world import World

TOML = """name = "News"
sender = { name = "Maison", email = "news@maison.example" }
include = ["All"]
[[variants]]
subject = "Hello"
html = "a.html"
files = [{ path = "logo.png", cid = "logo" }, { path = "plan.pdf" }]
"""


def folder(tmp_path: Path, toml: str = TOML) -> Path:
    (tmp_path / "campaign.toml").write_text(toml)
    (tmp_path / "a.html").write_text('<p><img src="cid:logo" alt="logo"></p>')
    (tmp_path / "logo.png").write_bytes(b"\x89PNG" + bytes(range(256)))
    (tmp_path / "plan.pdf").write_bytes(b"%PDF-1.7 plan")
    return tmp_path


def test_files_of_a_folder_reach_the_message(any_store: Store, settings: Settings, tmp_path: Path):
    """An image shown in the HTML and an attachment go from the folder through ops into the message, whole."""
    world = World(any_store, settings)
    spec = read_folder(folder(tmp_path))
    with any_store.write() as conn:
        made = create_campaign(conn, settings, world.account, spec, now=world.now)
    with any_store.read() as conn:
        (variant,) = campaigns.variants_of(conn, world.id, made)
        compiled = prepare(conn, settings, campaigns.get(conn, world.id, made), variant)
    to = Person("a@b.example", {}, "t" * 36, "m" * 44, "n" * 36, Pixel.INDIVIDUAL, world.now)
    message = email.message_from_bytes(compiled.fill(to), policy=email.policy.default)
    parts = {p.get_filename(): p for p in message.walk() if p.get_filename()}
    assert parts["logo.png"]["Content-ID"] == "<logo>"
    assert parts["logo.png"].get_content() == b"\x89PNG" + bytes(range(256))
    assert parts["plan.pdf"].get_content_disposition() == "attachment"
    assert parts["plan.pdf"].get_content() == b"%PDF-1.7 plan"
    assert [p.get_content_type() for p in message.walk() if p.is_multipart()] == [
        "multipart/mixed", "multipart/related", "multipart/alternative",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("plan.pdf", "gone.pdf", "gone.pdf is not there"), ("plan.pdf", "../plan.pdf", "outside the campaign's folder")],
)
def test_file_that_is_not_there_is_named(tmp_path: Path, old: str, new: str, said: str):
    """A file that is missing, or outside the folder, is refused by its name."""
    (tmp_path / "inner").mkdir()
    with pytest.raises(BadInput, match=said):
        read_folder(folder(tmp_path / "inner", TOML.replace(old, new)))


def test_files_that_no_server_takes_are_refused(store: Store, settings: Settings, tmp_path: Path):
    """More than ten megabytes of files are refused when the campaign is made."""
    world = World(store, settings)
    home = folder(tmp_path)
    (home / "plan.pdf").write_bytes(b"x" * MAX_FILES_BYTES)
    with store.write() as conn, pytest.raises(BadInput, match="is the most"):
        create_campaign(conn, settings, world.account, read_folder(home), now=world.now)
