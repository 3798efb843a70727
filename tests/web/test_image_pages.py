"""Pictures of mails as anybody may see them: for ever, from the disk alone, and nothing beside them."""

from __future__ import annotations

import pytest

from sillage.store.image_files import file_of
from tests.web.conftest import Visit

KEY = "abcdefghijklmnopqrstuv"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200_000)


async def test_picture_is_served_for_ever_and_runs_nothing(visit: Visit) -> None:
    """Its type is said and not guessed, it may be kept by whoever fetched it, and HEAD says as much."""
    path = file_of(visit.tracker.settings, KEY, "png")
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_bytes(PNG)
    answer = await visit.http.get(f"/i/{KEY}.png")
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    head = await visit.http.head(f"/i/{KEY}.png")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(PNG)))
    visit.tracker.store.close()
    assert (await visit.http.get(f"/i/{KEY}.png")).status_code == 200
    assert visit.journal() == []


@pytest.mark.parametrize(
    "name",
    [f"{KEY}.gif", f"{KEY}.svg", f"{KEY}", "..%2f..%2fops.sqlite", f"{KEY[:21]}..png", "a/b.png", f"{KEY}.png%00.gif",
     "%2e%2e/%2e%2e/secret.png"],
)  # fmt: skip
async def test_nothing_else_is_served(visit: Visit, name: str) -> None:
    """Another type, another name, a way out of the folder: the same 404."""
    assert (await visit.http.get(f"/i/{name}")).status_code == 404
