"""The one action of each list: correct the address, stop mail to it, or gather the people in a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from sillage.domain.contact import EmailAddress
from sillage.domain.ids import AccountId
from sillage.domain.provider import OTHER, by_domain
from sillage.hygiene.lists import Found, Kind
from sillage.settings import Settings
from sillage.store import contacts, groups, suppressions
from sillage.store.database import Store
from sillage.store.suppressions import MANUAL
from sillage.tokens import address_hash

CHUNK = 500
INACTIVE_GROUP = "Inactive"


class Action(StrEnum):
    """What may be done to a list."""

    CORRECT = "correct"
    SUPPRESS = "suppress"
    GROUP = "group"


ACTIONS = {
    Kind.TYPO: Action.CORRECT,
    Kind.ROLE: Action.SUPPRESS,
    Kind.DISPOSABLE: Action.SUPPRESS,
    Kind.NO_MX: Action.SUPPRESS,
    Kind.DUPLICATE: Action.SUPPRESS,
    Kind.SOFT_BOUNCES: Action.SUPPRESS,
    Kind.INACTIVE: Action.GROUP,
}


@dataclass(frozen=True, slots=True)
class Done:
    """How many contacts an action changed: corrected, suppressed, put into the group."""

    corrected: int = 0
    suppressed: int = 0
    grouped: int = 0

    def __add__(self, other: Done) -> Done:
        return Done(self.corrected + other.corrected, self.suppressed + other.suppressed, self.grouped + other.grouped)


def act(store: Store, settings: Settings, account_id: AccountId, kind: Kind, found: Sequence[Found]) -> Done:
    """Do to some contacts of a list what is done to that list, in short transactions.

    A corrected address keeps the consent of its person. Where the right address is a contact already, mail to the wrong
    one is stopped instead. Doing it again changes nothing.
    """
    done = Done()
    for start in range(0, len(found), CHUNK):
        some = found[start : start + CHUNK]
        with store.write() as conn:
            match ACTIONS[kind]:
                case Action.CORRECT:
                    done += _correct(conn, settings, account_id, some)
                case Action.SUPPRESS:
                    done += Done(suppressed=_suppress(conn, settings, account_id, some))
                case Action.GROUP:
                    now = settings.clock.now()
                    group = groups.get_or_create(conn, account_id, INACTIVE_GROUP, now=now)
                    inside = groups.members_among(conn, account_id, group, [one.contact_id for one in some])
                    new = [one.contact_id for one in some if one.contact_id not in inside]
                    groups.add_members(conn, account_id, group, new, now=now)
                    done += Done(grouped=len(new))
    return done


def _suppress(conn: sa.Connection, settings: Settings, account_id: AccountId, some: Sequence[Found]) -> int:
    secret, now = settings.secret.get_secret_value(), settings.clock.now()
    emails = contacts.emails_of(conn, account_id, [one.contact_id for one in some])
    # What was shown may have changed since: only an address that is still the contact's is stopped.
    addresses = [
        (address_hash(secret, one.email), MANUAL, one.contact_id)
        for one in some
        if emails.get(one.contact_id) == one.email
    ]
    return suppressions.add_contacts(conn, account_id, "email", addresses, now=now)


def _correct(conn: sa.Connection, settings: Settings, account_id: AccountId, some: Sequence[Found]) -> Done:
    secret, now = settings.secret.get_secret_value(), settings.clock.now()
    meant = {one.contact_id: EmailAddress.parse(one.fix) for one in some if one.fix is not None}
    taken = set(contacts.ids_by_email(conn, account_id, {address.identity for address in meant.values()}))
    corrected, wrong = 0, []
    for one in some:
        address = meant.get(one.contact_id)
        if address is None:
            continue
        if address.identity in taken:
            wrong.append(one)
            continue
        taken.add(address.identity)
        corrected += contacts.change_address(
            conn, account_id, one.contact_id, one.email, address.identity, address_hash(secret, address.identity),
            provider=by_domain().get(address.domain, OTHER), now=now,
        )  # fmt: skip
    return Done(corrected=corrected, suppressed=_suppress(conn, settings, account_id, wrong))
