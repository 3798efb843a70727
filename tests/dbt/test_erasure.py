"""A person who is erased is in no file of the installation, and every total of every campaign stays."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import openpyxl
import polars as pl
import pytest
import sqlalchemy as sa
from marts_world import CHANCE, NOON, SOFT, World, fact, make

from sillage.domain.consent import Channel, Purpose
from sillage.domain.ids import AccountId, ContactId
from sillage.lake.build import build_marts
from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, encode
from sillage.lake.reader import Reader
from sillage.store import consent, erasures, files, unmatched
from sillage.store.tables import contacts, import_changes, imports, suppressions, unmatched_mail
from sillage.tokens import address_hash

pytestmark = pytest.mark.slow

ACCOUNT, WHO = AccountId(1), ContactId(987_654_321)
ADDRESS, PHONE = "zenobia.quartz@mineral.example", "+33612345678"
AGENT = "QuartzBrowser/77"
MARKS = (ADDRESS, "Zenobia", "612345678", AGENT, "mailbox of quartz", "quartz-secret-page", str(WHO))
TOTALS = (
    "select * exclude (as_of_seq) from marts.main.fct_campaign_performance",
    "select * exclude (as_of_seq) from marts.main.fct_link_clicks",
    "select * exclude (as_of_seq) from marts.main.fct_bounces",
    "select * from marts.main.live_campaign",
    "select account_id, campaign_id, act, count(*), count(distinct contact_id) from marts.main.fct_engagements group by all",
    "select account_id, campaign_id, count(*) from marts.main.fct_recipient_activity group by all",
)


def _person(world: World) -> None:
    secret = world.settings.secret.get_secret_value()
    with world.store.write() as conn:
        conn.execute(
            contacts.insert().values(
                id=WHO, account_id=ACCOUNT, email=ADDRESS, email_hash=address_hash(secret, ADDRESS), phone=PHONE,
                phone_hash=address_hash(secret, PHONE), first_name="Zenobia", custom={"note": "Zenobia likes quartz"},
                created_at=NOON, updated_at=NOON,
            )
        )  # fmt: skip
        consent.grant(conn, ACCOUNT, WHO, Channel.EMAIL, list(Purpose), occurred_at=NOON, source="x", proof=ADDRESS)
        conn.execute(
            imports.insert().values(
                id=5, account_id=ACCOUNT, state="sealed", file_name="f.csv", file_path="f", sha256="0", options={},
                created_at=NOON,
            )
        )  # fmt: skip
        conn.execute(
            import_changes.insert().values(
                import_id=5, contact_id=WHO, kind="fields", account_id=ACCOUNT, first_name="Zenobia", phone=PHONE
            )
        )


def _past(world: World) -> list[Event]:
    e, told = EventType, []
    for n, campaign in enumerate((CHANCE, *SOFT)):
        told += [
            fact(campaign, WHO, e.PLANNED, provider="gmail"),
            fact(campaign, WHO, e.ACCEPTED, minutes=1, attempt=1, opens_measured=True, provider="gmail"),
        ]
        told += [fact(campaign, WHO, e.OPENED, minutes=2 + k, n=k, ip="203.0.113.0", agent=AGENT) for k in range(2)]
        told.append(fact(campaign, WHO, e.CLICKED, minutes=4, n=n, link=1, ip="203.0.113.0", agent=AGENT))
        told += [
            fact(campaign, WHO, e.BOUNCED, minutes=50, n=k, via="mail", bounce_class="soft",
                 diagnostic="the mailbox of quartz is full", provider="gmail")
            for k in range(2)
        ]  # fmt: skip
    told.append(fact(CHANCE, WHO, e.PAGE_VIEWED, page="https://shop.example/quartz-secret-page"))
    page = fact(CHANCE, WHO, e.PAGE_VIEWED, n="alone", page="https://shop.example/quartz-secret-page")
    return [*told, msgspec.structs.replace(page, campaign_id=None, variant_id=None)]


def _registered(world: World, kind: str, name: str) -> Path:
    path = world.settings.files_dir / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with world.store.write() as conn:
        files.register(conn, ACCOUNT, kind, path, NOON, NOON + timedelta(days=90))
    return path


def _files(world: World) -> dict[str, Path]:
    """What an installation may hold of a person: originals of all formats, refused rows, a returned mail."""
    rows = [["email", "first_name", "phone", "note"], ["a@b.example", "Ana", "", "x"],
            [ADDRESS.upper(), "Zenobia", "06 12 34 56 78", "two\nlines, Zenobia"], ["jo" + ADDRESS, "Jo", "", "y"]]  # fmt: skip
    found = {kind: _registered(world, "import_original", kind) for kind in ("csv", "xlsx", "parquet", "utf16", "cr")}
    text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows) + "\n"
    found["csv"].write_text(text)
    found["utf16"].write_text(text.lower(), encoding="utf-16")
    found["cr"].write_bytes(b"email\rb@b.example\r" + ADDRESS.encode() + b"\rc@c.example\r")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]  # a new workbook has a sheet
    with found["xlsx"].open("wb") as to:
        book.save(to)
    pl.DataFrame({"email": [ADDRESS], "first_name": ["Zenobia"]}).write_parquet(found["parquet"])
    found["refused"] = _registered(world, "import_refused", "import-5.csv")
    found["refused"].write_text(f"row,reason,value\n3,invalid,{ADDRESS} Zenobia\n4,empty,\n")
    found["others"] = _registered(world, "import_original", "others")
    found["others"].write_text("email\nsomebody.else@mineral.example\n")
    found["key"] = _registered(world, "dkim_key", "key.pem")
    found["key"].write_text(ADDRESS)
    with world.store.write() as conn:
        mail = unmatched.put_aside(
            conn, ACCOUNT, f"To: <{ADDRESS}>\n\nZenobia is away".encode(), folder=world.settings.files_dir / "returned",
            kind="autoreply", reason="none", received_at=NOON,
        )  # fmt: skip
    assert mail is not None
    return {**found, "mail": mail}


def _journal(world: World) -> Path:
    """A tracker's journal, open as the tracker holds it, with the person's latest click in its write-ahead log."""
    world.settings.journal_dir.mkdir(parents=True, exist_ok=True)
    path = world.settings.journal_dir / "tracker-0.sqlite"
    con = sqlite3.connect(path)
    con.executescript(
        "pragma journal_mode = wal; pragma secure_delete = on; create table stream (name text);"
        "create table outbox (seq integer primary key autoincrement, body blob); insert into stream values ('t');"
    )
    late = fact(CHANCE, WHO, EventType.CLICKED, minutes=90, link=1, ip="203.0.113.0", agent=AGENT)
    con.execute("insert into outbox (body) values (?)", (encode(late),))
    con.commit()
    con.close()
    return path


def _everything(folder: Path, *, but: set[Path]) -> str:
    """Each raw file as text; Parquet, which is compressed, and archives by their content as well."""
    parts = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p not in but):
        raw = path.read_bytes()
        parts += [raw.decode("latin-1"), raw.decode("utf-16-le", "replace"), raw[1:].decode("utf-16-le", "replace")]
        if raw.startswith(b"PAR1"):
            parts.append(json.dumps(duckdb.sql(f"select t::varchar from read_parquet('{path}') t").fetchall()))
        elif raw.startswith(b"PK"):
            with path.open("rb") as file:
                parts += [str(row) for row in openpyxl.load_workbook(file).active.values]  # type: ignore[union-attr]
    return "\n".join(parts)


def _totals(world: World) -> list[list[Any]]:
    reader = Reader(world.settings)
    try:
        return [sorted(map(str, (r.values() for r in reader.query(sql)))) for sql in TOTALS]
    finally:
        reader.close()


def test_erased_person_is_in_no_file_and_all_totals_stay(tmp_path: Path) -> None:
    """Ops, lake, marts, originals, undo records, journals and their leftovers forget a person; no campaign's figure
    moves, neither at once nor after the next build nor after a full one; and what comes late names nobody.
    """
    world = make(tmp_path)
    _person(world)
    world.collect([*world.late, *_past(world)])
    held = _files(world)
    keys = {held["key"]}
    _journal(world)
    collect_once(world.settings, world.store)
    build_marts(world.settings)
    before, full_before = _totals(world), _everything(tmp_path, but=keys)
    assert all(mark.casefold() in full_before.casefold() for mark in MARKS if mark != "quartz-secret-page")

    with world.store.write() as conn:
        erasures.request(conn, ACCOUNT, WHO, by="cli", now=NOON)
    collect_once(world.settings, world.store, kept_min=0)

    with world.store.read() as conn:
        (one,) = erasures.listed(conn, ACCOUNT)
        assert (one.email, one.phone) == (None, None)
        assert one.done_at is not None
        assert one.files == {
            "import_original mended": 2, "import_original deleted": 3, "import_refused mended": 1,
            "unmatched_mail deleted": 1,
        }  # fmt: skip
        reasons = conn.execute(sa.select(suppressions.c.reason, suppressions.c.contact_id)).all()
        assert sorted(map(tuple, reasons)) == [("erased", None)] * 2
        assert conn.execute(sa.select(unmatched_mail)).all() == []
        assert {f.path for f in files.listed(conn, ACCOUNT)} == {
            held[k] for k in ("csv", "cr", "refused", "others", "key")
        }
    assert held["csv"].read_text() == '"email","first_name","phone","note"\n"a@b.example","Ana","","x"\n\n\n' + (
        f'"jo{ADDRESS}","Jo","","y"\n'
    )
    assert held["cr"].read_bytes() == b"email\rb@b.example\r\rc@c.example\r"
    assert held["others"].read_text() == "email\nsomebody.else@mineral.example\n"

    text = _everything(tmp_path, but={held["key"], held["csv"]}) + held["csv"].read_text().replace(f"jo{ADDRESS}", "")
    assert [mark for mark in MARKS if mark.casefold() in text.casefold()] == []
    assert _totals(world) == before
    build_marts(world.settings)
    assert _totals(world)[:3] == before[:3]
    build_marts(world.settings, full_refresh=True)
    assert _totals(world) == before

    late = fact(CHANCE, WHO, EventType.BOUNCED, minutes=999, via="mail", bounce_class="soft", diagnostic="of quartz")
    world.collect([late])
    reader = Reader(world.settings)
    rows = reader.query("select contact_id from lake.main.events where campaign_id = ? and contact_id < 0", [CHANCE])
    personal = reader.query("select * from lake.main.event_personal where event_id = ?", [late.id])
    reader.close()
    assert len({r["contact_id"] for r in rows}) == 1
    assert len(rows) == 1 + len([e for e in _past(world) if e.campaign_id == CHANCE]) + 1
    assert personal == []
    world.store.close()

