"""The demo's people: who they are (a contact file to import) and what they do (a file for the post office).

The two files are all that the two sides share: the platform never sees the second, the post office never the first.
"""

from __future__ import annotations

import csv
import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sillage.errors import BadInput
from sillage.settings import ROOT

NAMES = tomllib.loads((ROOT / "data" / "demo" / "names.toml").read_text("utf-8"))
PROVIDERS = {
    "gmail.example": 34, "outlook.example": 18, "yahoo.example": 14, "orange.example": 10, "free.example": 7,
    "icloud.example": 6, "sfr.example": 4, "laposte.example": 3, "gmx.example": 2, "company.example": 2,
}  # fmt: skip

BOUNCES = (
    "550 5.1.1 user unknown",
    "552 5.2.2 mailbox full",
    "550 5.1.2 no such domain",
    "550 5.7.1 message refused by policy",
)

CONTACT_COLUMNS = ("email", "first_name", "last_name", "city", "country", "language", "consent_at", "consent_source",
                   "tracking_consent", "loyalty")  # fmt: skip
PEOPLE_COLUMNS = ("email", "tracking_consent", "opens", "clicks", "bounce", "defer", "complains", "unsubscribes",
                  "scanner", "replays")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mishaps:
    """How often things go wrong, as shares of the people."""

    bounce: float = 0.02
    """Of these a quarter come back by mail, late."""
    scanner: float = 0.05
    complaint: float = 0.002
    unsubscribe: float = 0.006
    defer: float = 0.01
    no_tracking_consent: float = 0.3
    replays: int = 2


CALM = Mishaps(bounce=0.008, scanner=0.0, complaint=0.0004, unsubscribe=0.002, defer=0.005,
               no_tracking_consent=0.15, replays=0)  # fmt: skip


def make_people(folder: Path, count: int, *, seed: int, mishaps: Mishaps, now: datetime) -> tuple[Path, Path]:
    """Write contacts.csv and people.csv for `count` people; the same seed gives the same people."""
    chance = random.Random(seed)  # noqa: S311  # a demo's chance, not a secret
    rows = [_person(number, chance, mishaps, now) for number in range(count)]
    contacts = _write(folder / "contacts.csv", CONTACT_COLUMNS, (contact for contact, _ in rows))
    people = _write(folder / "people.csv", PEOPLE_COLUMNS, (person for _, person in rows))
    return contacts, people


def _person(
    number: int, chance: random.Random, mishaps: Mishaps, now: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    (domain,) = chance.choices(list(PROVIDERS), list(PROVIDERS.values()))
    email = f"person{number:06d}@{domain}"
    tracked = "no" if chance.random() < mishaps.no_tracking_consent else "yes"
    agreed = now - timedelta(days=chance.uniform(1, 700))
    contact = {
        "email": email,
        "first_name": chance.choice(NAMES["first"]) if chance.random() < 0.9 else "",  # noqa: PLR2004
        "last_name": chance.choice(NAMES["last"]),
        "city": chance.choice(NAMES["towns"]),
        "country": "FR",
        "language": "fr",
        "consent_at": agreed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "consent_source": "checkout_box",
        "tracking_consent": tracked,
        "loyalty": chance.randrange(0, 500),
    }
    person = {"email": email, "tracking_consent": tracked, "replays": mishaps.replays}
    bounces = chance.random() < mishaps.bounce
    if bounces:
        way = "mail" if chance.random() < 0.25 else "session"  # noqa: PLR2004
        text = chance.choice(BOUNCES)
        person["bounce"] = f"{way}:{text.split(' ', 1)[1] if way == 'mail' else text}"
    # Each habit is drawn for everybody, so that one rate can be changed without changing the other people.
    opens, clicks = chance.random() < 0.34, chance.random() < 0.055  # noqa: PLR2004
    person["opens"] = int(opens and not bounces)
    person["clicks"] = "any" if clicks and not bounces else ""
    person["defer"] = int(chance.random() < mishaps.defer and not bounces)
    person["complains"] = int(chance.random() < mishaps.complaint and not bounces)
    leaves = chance.random() < mishaps.unsubscribe and not bounces
    person["unsubscribes"] = chance.choice(("one_click", "mailto", "page")) if leaves else ""
    person["scanner"] = int(chance.random() < mishaps.scanner and not bounces)
    return contact, person


def people_of_file(path: Path, folder: Path) -> tuple[Path, list[str]]:
    """people.csv for a file of real people with columns email, segment and visit: who visited opens and clicks.

    Returns it with the segments that were mailed; a segment whose name starts with "No " got nothing.
    Raises: BadInput where a column is missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"email", "segment", "visit"} - set(reader.fieldnames or [])
            if missing:
                raise BadInput(f"{path}: no column {', '.join(sorted(missing))}", code="missing_column")
            rows = list(reader)
    except FileNotFoundError:
        raise BadInput(f"{path} is not there", code="no_file") from None
    people = _write(folder / "people.csv", PEOPLE_COLUMNS, _visitors(rows))
    arms = sorted({r["segment"] for r in rows if not r["segment"].startswith("No ")})
    return people, arms


def _visitors(rows: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        came = row["visit"] == "1"
        yield {
            "email": row["email"],
            "tracking_consent": row.get("tracking_consent", "yes"),
            "opens": int(came),
            "clicks": "any" if came else "",
            "defer": 0,
            "complains": 0,
            "scanner": 0,
            "replays": 0,
        }


def _write(path: Path, columns: tuple[str, ...], rows: Iterator[dict[str, Any]] | Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path
