"""Which keys sign for which domain: waiting for their records in the DNS, active, or retired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa

from sillage.content.dkim import Algorithm, DkimKey, from_pem
from sillage.domain.ids import AccountId
from sillage.errors import BadInput
from sillage.store.tables import dkim_keys


class KeyState(StrEnum):
    """A key signs only while it is active; the record of a retired one stays until its last mail was read."""

    WAITING = "waiting"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it lies in ops; `load` reads its private half."""

    id: int
    domain: str
    selector: str
    algorithm: Algorithm
    path: Path
    state: KeyState
    created_at: datetime

    def load(self) -> DkimKey:
        """Raises: BadInput where the file is gone or is no key."""
        try:
            pem = self.path.read_bytes()
        except OSError as exc:
            raise BadInput(
                f"{self.path}, the key of {self.selector}._domainkey.{self.domain}, can't be read: {exc.strerror};"
                " put it back from a backup, or make a new one with `sillage domain key`",
                code="no_key_file",
            ) from exc
        return from_pem(self.domain, self.selector, pem)


def add(
    conn: sa.Connection, account_id: AccountId, domain: str, selector: str, algorithm: Algorithm, path: Path,
    *, now: datetime,
) -> None:  # fmt: skip
    """Add a key that waits for its record.

    Raises: BadInput where the selector is taken.
    """
    taken = sa.select(dkim_keys.c.id).where(dkim_keys.c.domain == domain, dkim_keys.c.selector == selector)
    if conn.execute(taken).first():
        raise BadInput(f"{domain} has a key {selector!r} already; choose another selector", code="selector_taken")
    conn.execute(
        dkim_keys.insert().values(
            account_id=account_id, domain=domain, selector=selector, algorithm=algorithm, path=str(path),
            state=KeyState.WAITING, created_at=now,
        )
    )  # fmt: skip


def of_domain(conn: sa.Connection, account_id: AccountId, domain: str, *states: KeyState) -> list[StoredKey]:
    """Keys of a domain in some states (in all, where none is named), RSA before Ed25519, the oldest first."""
    k = dkim_keys.c
    query = sa.select(dkim_keys).where(k.account_id == account_id, k.domain == domain)
    if states:
        query = query.where(k.state.in_(states))
    rows = conn.execute(query.order_by(k.algorithm.desc(), k.id))
    return [
        StoredKey(r.id, r.domain, r.selector, Algorithm(r.algorithm), Path(r.path), KeyState(r.state), r.created_at)
        for r in rows
    ]


def activate(conn: sa.Connection, account_id: AccountId, domain: str, *, now: datetime) -> tuple[list[str], list[str]]:
    """Let the waiting keys sign, and retire those of the same algorithms that did: selectors of both."""
    waiting = of_domain(conn, account_id, domain, KeyState.WAITING)
    newest = {key.algorithm: key for key in waiting}
    old = [key for key in of_domain(conn, account_id, domain, KeyState.ACTIVE) if key.algorithm in newest]
    superseded = [key for key in waiting if newest[key.algorithm].id != key.id]
    for keys, values in (
        ([*old, *superseded], {"state": KeyState.RETIRED, "retired_at": now}),
        (list(newest.values()), {"state": KeyState.ACTIVE}),
    ):
        if keys:
            conn.execute(dkim_keys.update().where(dkim_keys.c.id.in_([key.id for key in keys])).values(**values))
    return [key.selector for key in newest.values()], [key.selector for key in old]
