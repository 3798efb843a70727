"""The image library of an account: a picture is a file beside ops, and its address holds a key that nobody guesses."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from sillage.content.images import Picture, picture_of
from sillage.domain.ids import AccountId
from sillage.errors import BadInput, NotFound
from sillage.settings import Settings
from sillage.store import files, image_files
from sillage.store.image_files import EXTENSIONS, file_of
from sillage.store.tables import brands, images, public_versions

MAX_IMAGES = 5_000
MAX_TEXT = 200
KEPT_FOR = timedelta(days=36_500)
"""A mail in somebody's mailbox shows its pictures as long as it lies there."""


@dataclass(frozen=True, slots=True)
class LibraryImage:
    """One picture. `path` is that of its public address, to be put behind the installation's."""

    id: int
    key: str
    name: str
    alt: str
    type: str
    width: int
    height: int
    size: int
    created_at: datetime

    @property
    def path(self) -> str:
        """`/i/KEY.png`."""
        return f"/i/{self.key}.{EXTENSIONS[self.type]}"


def add(
    conn: sa.Connection, settings: Settings, account_id: AccountId, name: str, raw: bytes, *, alt: str, now: datetime
) -> LibraryImage:
    """Take a picture in; one that is there already is given back as it is, with the new words where it had none.

    Raises: BadInput where it is no picture, or the library is full.
    """
    return keep(conn, settings, account_id, name, picture_of(raw, name), alt=alt, now=now)


def keep(
    conn: sa.Connection, settings: Settings, account_id: AccountId, name: str, picture: Picture, *, alt: str,
    now: datetime,
) -> LibraryImage:  # fmt: skip
    """The same for a picture that was made ready before, outside the transaction.

    Raises: BadInput where the library is full; TransientError where the bucket does not take it.
    """
    digest = hashlib.sha256(picture.content).hexdigest()
    mine = images.c.account_id == account_id
    held = conn.execute(sa.select(images).where(mine, images.c.sha256 == digest)).first()
    words = " ".join(alt.split())[:MAX_TEXT]
    if held is not None:
        if words and not held.alt:
            set_alt(conn, account_id, held.id, words)
        return get(conn, account_id, held.id)
    if (conn.execute(sa.select(sa.func.count()).select_from(images).where(mine)).scalar() or 0) >= MAX_IMAGES:
        raise BadInput(f"the library holds {MAX_IMAGES:,} images; throw some away", code="library_full")
    key = secrets.token_urlsafe(16)
    path = file_of(settings, key, EXTENSIONS[picture.type])
    assert path is not None  # noqa: S101  # a key that we have just made
    files.register(conn, account_id, "image", path, now, now + KEPT_FOR)
    image_files.put(settings, key, EXTENSIONS[picture.type], picture.content)
    done = conn.execute(
        images.insert().values(
            account_id=account_id, key=key, name=" ".join(name.split())[:MAX_TEXT] or "image", alt=words,
            type=picture.type, width=picture.width, height=picture.height, size=len(picture.content), sha256=digest,
            created_at=now,
        )
    )  # fmt: skip
    (number,) = done.inserted_primary_key or (0,)
    return get(conn, account_id, int(number))


def get(conn: sa.Connection, account_id: AccountId, image_id: int) -> LibraryImage:
    """Raises: NotFound."""
    row = conn.execute(sa.select(images).where(images.c.account_id == account_id, images.c.id == image_id)).first()
    if row is None:
        raise NotFound(f"no image {image_id}")
    return _image(row)


def listed(conn: sa.Connection, account_id: AccountId, limit: int = 200) -> list[LibraryImage]:
    """The pictures of an account, the newest first."""
    rows = conn.execute(
        sa.select(images).where(images.c.account_id == account_id).order_by(images.c.id.desc()).limit(limit)
    )
    return [_image(row) for row in rows]


def by_keys(conn: sa.Connection, account_id: AccountId, keys: Iterable[str]) -> dict[str, LibraryImage]:
    """Those of an account's pictures that have one of these keys."""
    wanted = list(keys)[:500]
    rows = conn.execute(sa.select(images).where(images.c.account_id == account_id, images.c.key.in_(wanted)))
    return {row.key: _image(row) for row in rows}


def digests_of(conn: sa.Connection, account_id: AccountId, keys: Iterable[str]) -> set[str]:
    """The SHA-256 of those of an account's pictures that have one of these keys."""
    wanted = list(keys)[:500]
    mine = sa.select(images.c.sha256).where(images.c.account_id == account_id, images.c.key.in_(wanted))
    return set(conn.execute(mine).scalars())


def set_alt(conn: sa.Connection, account_id: AccountId, image_id: int, alt: str) -> None:
    """Say what a picture shows, for those who don't see it."""
    conn.execute(
        images.update()
        .where(images.c.account_id == account_id, images.c.id == image_id)
        .values(alt=" ".join(alt.split())[:MAX_TEXT])
    )


def remove(conn: sa.Connection, settings: Settings, account_id: AccountId, image_id: int) -> None:
    """Throw a picture away; mails that show it show its words from now on.

    Raises: NotFound; TransientError where the bucket does not answer.
    """
    found = get(conn, account_id, image_id)
    path = file_of(settings, found.key, EXTENSIONS[found.type])
    conn.execute(
        brands.update().where(brands.c.account_id == account_id, brands.c.logo_id == image_id).values(logo_id=None)
    )
    conn.execute(
        public_versions.update()
        .where(public_versions.c.account_id == account_id, public_versions.c.image_id == image_id)
        .values(image_id=None)
    )
    conn.execute(images.delete().where(images.c.account_id == account_id, images.c.id == image_id))
    for entry in files.listed(conn, account_id):
        if entry.path == path:
            files.forget(conn, account_id, entry.id)
    image_files.remove(settings, found.key, EXTENSIONS[found.type])


def _image(row: sa.Row[tuple[object, ...]]) -> LibraryImage:
    return LibraryImage(row.id, row.key, row.name, row.alt, row.type, row.width, row.height, row.size, row.created_at)
