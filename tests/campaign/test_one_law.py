"""Planning, the claim and the explanation agree on everybody: there is one law, on both engines."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from sillage.campaign.audience import audience_of
from sillage.domain.campaign import MessageKind
from sillage.domain.consent import Basis, Channel
from sillage.domain.delivery import DeliveryState
from sillage.domain.eligibility import why_not
from sillage.domain.ids import ContactId
from sillage.domain.segment import Everyone
from sillage.store import accounts, deliveries, standing, suppressions, workers
from sillage.store.columns import to_micros
from sillage.store.database import Store
from sillage.store.tables import consents, contacts, variants
from sillage.store.tables import deliveries as deliveries_table
from sillage.tokens import address_hash
from tests.conftest import SECRET
from tests.world import World

LISTED = (None, "npai", "hard_bounce", "complaint", "manual", "erased", "installation", "domain")
CONSENTS = (None, "silent", "granted", "withdrawn")
BASES = ("consent", "existing_customer", "professional")
LAPSES = ("later", "now", "never said")


def populate(world: World) -> int:
    """One contact for each way to stand: lists, consent, basis, end of it; and one without an address."""
    now = world.now
    with world.store.write() as conn:
        for number, (listed, state, basis, lapse) in enumerate(product(LISTED, CONSENTS, BASES, LAPSES), start=1):
            domain = "blocked.example" if listed == "domain" else "mail.example"
            email = f"c{number}@{domain}"
            held = address_hash(SECRET, email)
            conn.execute(contacts.insert().values(
                id=number, account_id=world.id, email=email, email_hash=held, provider="gmail", custom={},
                created_at=now, updated_at=now,
            ))  # fmt: skip
            if listed == "installation":
                suppressions.add(conn, None, channel="email", addresses=[(held, "manual")], now=now)
            elif listed not in {None, "domain"}:
                suppressions.add(conn, world.id, channel="email", addresses=[(held, str(listed))], now=now)
            if state is not None:
                said = None if state == "silent" else state
                at = {"later": now + timedelta(days=1), "now": now, "never said": None}[lapse]
                conn.execute(consents.insert().values(
                    {**world.consent(number, now), "marketing": said, "marketing_basis": basis, "lapses_at": at}
                ))  # fmt: skip
        suppressions.add(conn, world.id, channel="email", domains=["blocked.example"], now=now)
        last = number + 1
        conn.execute(contacts.insert().values(
            id=last, account_id=world.id, phone="+33612345678", provider="other", custom={}, created_at=now,
            updated_at=now,
        ))  # fmt: skip
    return last


def claimed(world: World, kind: MessageKind, count: int, bases: list[str], at: int) -> dict[int, str | None]:
    """What the worker's last look says of each of them."""
    campaign = world.add_campaign(f"of {kind}", scheduled=False)
    with world.store.write() as conn:
        variant = conn.execute(sa.select(variants.c.id).where(variants.c.campaign_id == campaign)).scalar_one()
        conn.execute(deliveries_table.insert(), [
            {"campaign_id": campaign, "contact_id": n, "account_id": world.id, "variant_id": variant,
             "provider": "gmail", "state": DeliveryState.DUE.value, "due_at": world.now}
            for n in range(1, count + 1)
        ])  # fmt: skip
        worker = workers.enrol(conn, "test", lease_s=5, now=world.now)
        rows = deliveries.claim_due(
            conn, campaign, provider="gmail", worker_id=worker, now=world.now + timedelta(days=1), limit=count
        )
    return {
        row.contact_id: why_not(
            kind, has_address=row.email is not None, suppressed=row.suppressed, marketing=row.marketing,
            basis=row.marketing_basis, lapses_at=row.lapses_at, now=at, allowed_bases=bases,
        )
        for row in rows
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(MessageKind))
@pytest.mark.parametrize("bases", [[], [Basis.EXISTING_CUSTOMER]])
def test_planning_claim_and_explanation_agree_on_everybody(
    any_store: Store, settings: Any, kind: MessageKind, bases: list[Basis]
) -> None:
    """288 ways to stand: the SQL of planning, the claim's last look and the page give the same reason for each."""
    world = World(any_store, settings)
    count = populate(world)
    with any_store.write() as conn:
        accounts.allow_bases(conn, world.id, bases)
        allowed = accounts.by_id(conn, world.id).allowed_bases
        noted = conn.execute(
            sa.select(consents.c.lapses_at).where(consents.c.lapses_at.is_not(None)).order_by("lapses_at")
        )
        now = noted.scalars().first()
    assert now is not None
    with audience_of(any_store, world.id) as audience:
        members = audience.members([Everyone()], [], kind=kind.value, now=now)
    planned = dict(members.select("contact_id", "left_out").iter_rows())
    assert len(planned) == count == len(set(planned))
    last = claimed(world, kind, count, allowed, to_micros(now))
    assert {n: "no_address" if why == "erased" and n == count else why for n, why in last.items()} == planned
    with any_store.read() as conn:
        for number, why in planned.items():
            said = standing.explain(conn, world.id, ContactId(number), Channel.EMAIL, now)
            reasons = said.reasons if kind is MessageKind.MARKETING else said.service_reasons
            assert (reasons[0] if reasons else None) == why
    assert {"installation", "npai", None} <= set(planned.values())


def test_consent_basis_counts_only_where_the_account_turned_it_on(any_store: Store, settings: Any) -> None:
    """A customer without a consent of their own is mailed by an account that says so, and by no other."""
    world = World(any_store, settings)
    world.add_contacts(1)
    with any_store.write() as conn:
        conn.execute(consents.update().values(marketing_basis="existing_customer"))

        def why() -> list[str]:
            who = conn.execute(sa.select(contacts.c.id)).scalar_one()
            return standing.explain(conn, world.id, ContactId(who), Channel.EMAIL, world.now).reasons

        assert why() == ["consent_missing"]
        accounts.allow_bases(conn, world.id, [Basis.EXISTING_CUSTOMER])
        assert why() == []
