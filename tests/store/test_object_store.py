"""Pictures in a bucket: signed as AWS signs, shared by machines, gone when thrown away, and clear when it fails."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image
from pydantic import ValidationError

from sillage.errors import TransientError
from sillage.settings import Settings
from sillage.store import accounts, image_files, images
from sillage.store.database import Store
from sillage.store.object_store import bucket_of, sign
from sillage.store.tables import images as images_table
from tests.conftest import SECRET
from tests.store import s3_server as s3

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[s3.S3]:
    """A bucket's server."""
    with s3.s3_server() as found:
        yield found


def _settings(home: Path, server: s3.S3, **more: Any) -> Settings:
    told = {
        "images_url": "s3://pictures/mails/of us", "s3_endpoint": server.endpoint, "s3_region": s3.REGION,
        "s3_access_key": s3.ACCESS, "s3_secret_key": s3.SECRET, **more,
    }  # fmt: skip
    return Settings(data_dir=home, secret=SECRET, **told)  # type: ignore[arg-type]  # pydantic makes it a SecretStr


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 10), "#0B7A75").save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("path", "headers", "content", "signature"),
    [
        (
            "/test.txt", {"Range": "bytes=0-9"}, b"",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        ("/?lifecycle=", {}, b"", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("/?max-keys=2&prefix=J", {}, b"", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)  # fmt: skip
def test_signature_is_that_of_the_published_examples(
    path: str, headers: dict[str, str], content: bytes, signature: str
) -> None:
    """The examples of AWS's own document come out to the last digit."""
    signed = sign(
        "GET", f"https://examplebucket.s3.amazonaws.com{path}", headers, content, region="us-east-1",
        access_key="AKIAIOSFODNN7EXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )  # fmt: skip
    assert signed["authorization"].endswith(f"Signature={signature}")


def test_picture_is_seen_by_every_machine_and_asked_for_once(store: Store, server: s3.S3, tmp_path: Path) -> None:
    """One machine keeps it, another one serves it from the bucket, then from its own copy; thrown away it is gone."""
    mine, other = _settings(tmp_path / "one", server), _settings(tmp_path / "two", server)
    with store.write() as conn:
        account = accounts.create(conn, "maison", "Maison", created_at=NOW).id
        image = images.add(conn, mine, account, "Lamp", _png(), alt="A lamp", now=NOW)
    name = f"{image.key}.png"
    ((path, (kind, content)),) = server.objects.items()
    assert (path, kind) == (f"/pictures/mails/of us/{name}", "image/png")
    assert [image_files.read(other, image.key, "png") for _ in range(3)] == [content] * 3
    assert [method for method, _ in server.asked] == ["PUT", "GET"]
    assert image_files.read(other, "A" * 22, "png") is None
    with store.write() as conn:
        images.remove(conn, mine, account, image.id)
    assert not server.objects
    assert image_files.read(mine, image.key, "png") is None


def test_bucket_that_fails_leaves_nothing_half_done(store: Store, server: s3.S3, tmp_path: Path) -> None:
    """A wrong key or a server that is down is an error that says what to look at, and the library stays as it was."""
    wrong = _settings(tmp_path / "one", server, s3_secret_key="another")
    with store.write() as conn:
        account = accounts.create(conn, "maison", "Maison", created_at=NOW).id
    with pytest.raises(TransientError, match="SILLAGE_S3_SECRET_KEY"), store.write() as conn:
        images.add(conn, wrong, account, "Lamp", _png(), alt="", now=NOW)
    server.is_down = True
    right = _settings(tmp_path / "one", server)
    with pytest.raises(TransientError, match="503"), store.write() as conn:
        images.add(conn, right, account, "Lamp", _png(), alt="", now=NOW)
    with store.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(images_table)).scalar() == 0
    assert not right.images_dir.exists()
    away = _settings(tmp_path / "one", server, s3_endpoint="http://127.0.0.1:9")
    with pytest.raises(TransientError, match="does not answer"):
        image_files.read(away, "A" * 22, "png")


def test_settings_name_what_a_bucket_lacks(server: s3.S3, tmp_path: Path) -> None:
    """A bucket without a server, without keys, or of another kind is refused; without any, pictures lie at home."""
    for lacking, said in (
        ({"s3_endpoint": ""}, "s3_endpoint"), ({"s3_access_key": ""}, "s3_access_key"),
        ({"images_url": "file:///tmp"}, "images_url"), ({"images_url": "s3://"}, "images_url"),
    ):  # fmt: skip
        with pytest.raises(ValidationError, match=said):
            _settings(tmp_path, server, **lacking)
    held = _settings(tmp_path, server)
    assert s3.SECRET not in repr(held)
    assert s3.SECRET not in repr(bucket_of(held))
    assert held.environment()["SILLAGE_S3_SECRET_KEY"] == s3.SECRET
    assert bucket_of(_settings(tmp_path, server, images_url="")) is None
