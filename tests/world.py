"""A small world for tests: an account with contacts who agreed, a segment of all of them, a campaign."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sillage.campaign.create import create_campaign, parse_spec
from sillage.campaign.schedule import schedule
from sillage.domain.consent import lapses_at
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import parse_tree
from sillage.settings import Settings
from sillage.store import accounts, campaigns, segments
from sillage.store.accounts import Account
from sillage.store.database import Store
from sillage.store.tables import consents, contacts
from sillage.tokens import address_hash

PROVIDERS = ("gmail", "free", "orange")
BODY = '<p>Hello {{ first_name | default: "you" }} <a href="https://shop.example/">shop</a></p>'


@dataclass(slots=True)
class World:
    """A store with one account, and what is needed to send to its contacts."""

    store: Store
    settings: Settings
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        now = self.now
        with self.store.write() as conn:
            self.account = accounts.create(
                conn, "maison", "Maison", created_at=now, legal_name="Maison SAS", postal_address="1 quai, Brest"
            )
            campaigns.add_sender(conn, self.id, "Maison", "news@maison.example", now=now, verified_at=now)
            segments.save(conn, self.id, "All", parse_tree({"kind": "everyone"}), now=now)

    @property
    def id(self) -> AccountId:
        return self.account.id

    @property
    def now(self) -> datetime:
        return self.settings.clock.now()

    def add_contacts(self, count: int, **columns: Any) -> None:
        """Contacts c1, c2 … at three providers, all of whom agreed to marketing and to measuring of opens."""
        now = self.now
        secret = self.settings.secret.get_secret_value()
        with self.store.write() as conn:
            first = len(conn.execute(contacts.select()).all()) + 1
            rows = [
                {
                    "account_id": self.id,
                    "email": f"c{n}@mail.example",
                    "email_hash": address_hash(secret, f"c{n}@mail.example"),
                    "provider": PROVIDERS[n % 3],
                    "created_at": now,
                    "updated_at": now,
                    "custom": {},
                    **columns,
                }
                for n in range(first, first + count)
            ]
            conn.execute(contacts.insert(), rows)
            ids = [r.id for r in conn.execute(contacts.select().order_by(contacts.c.id))][first - 1 :]
            conn.execute(consents.insert(), [self.consent(i, now) for i in ids])

    def consent(self, contact: int, now: datetime) -> dict[str, Any]:
        return {
            "account_id": self.id,
            "contact_id": contact,
            "channel": "email",
            "marketing": "granted",
            "marketing_basis": "consent",
            "marketing_at": now,
            "lapses_at": lapses_at(now, None),
            "open_tracking": "granted",
            "click_tracking": "granted",
        }

    def add_campaign(self, name: str = "News", *, scheduled: bool = True, **spec: Any) -> CampaignId:
        """A campaign to everybody, due now."""
        raw = {
            "name": name,
            "sender": {"name": "Maison", "email": "news@maison.example"},
            "include": ["All"],
            "send_at": self.now,
            "variants": [{"subject": "Hello", "html": BODY}],
            **spec,
        }
        with self.store.write() as conn:
            made = create_campaign(conn, self.settings, self.account, parse_spec(raw, where="test"), now=self.now)
            if scheduled:
                schedule(conn, self.id, made)
        return made
