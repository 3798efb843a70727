"""Accounts: the walls between users of one installation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.consent import Basis
from sillage.domain.ids import AccountId
from sillage.errors import BadInput, NotFound
from sillage.store.tables import accounts

MAX_IDENTITY_CHARS = 500
MAX_FREQUENCY = 1000
MAX_FREQUENCY_DAYS = 365
MAX_ATTRIBUTION_DAYS = 90
CURRENCY_CHARS = 3


@dataclass(frozen=True, slots=True)
class Account:
    """One customer of the installation, with what its messages must say and may measure."""

    id: AccountId
    slug: str
    name: str
    legal_name: str
    postal_address: str
    locale: str
    timezone: str
    tracking_policy: str
    untracked_pixel: str
    keeps_ip: bool
    keeps_agent: bool
    allowed_bases: list[str]
    frequency_cap: int | None
    """Marketing messages that a contact gets at most in `frequency_days` days; None: no cap."""
    frequency_days: int
    currency: str
    """What the amounts of conversions are in, ISO 4217."""
    attribution_days: int
    """For so many days after a click a conversion is put down to it."""
    needs_approval: bool
    """Whether a second person has to approve each campaign before it leaves."""

    @property
    def may_send(self) -> bool:
        """A commercial mail shows who sends it: without a legal identity nothing is scheduled."""
        return bool(self.legal_name.strip() and self.postal_address.strip())


_COLUMNS = [accounts.c[name] for name in Account.__dataclass_fields__]


def create(
    conn: sa.Connection,
    slug: str,
    name: str,
    *,
    created_at: datetime,
    legal_name: str = "",
    postal_address: str = "",
    locale: str = "fr",
    timezone: str = "Europe/Paris",
    tracking_policy: str = "consent",
) -> Account:
    """Make an account.

    Raises: BadInput where the slug is taken.
    """
    if conn.execute(sa.select(accounts.c.id).where(accounts.c.slug == slug)).first():
        raise BadInput(f"account {slug!r} is there already; choose another slug", code="slug_taken", field="slug")
    conn.execute(
        accounts.insert().values(
            slug=slug,
            name=name,
            legal_name=legal_name,
            postal_address=postal_address,
            locale=locale,
            timezone=timezone,
            tracking_policy=tracking_policy,
            created_at=created_at,
        )
    )
    return by_slug(conn, slug)


def set_identity(conn: sa.Connection, account_id: AccountId, *, legal_name: str, postal_address: str) -> None:
    """Say who sends an account's mail: from now on each commercial mail shows it.

    Raises: BadInput where one of them is empty or too long.
    """
    for field, text in (("legal_name", legal_name), ("postal_address", postal_address)):
        if not text.strip() or len(text) > MAX_IDENTITY_CHARS:
            name = field.replace("_", " ")
            raise BadInput(
                f"the {name} must have 1 to {MAX_IDENTITY_CHARS} characters", code="bad_identity", field=field
            )
    conn.execute(
        accounts.update()
        .where(accounts.c.id == account_id)
        .values(legal_name=legal_name.strip(), postal_address=postal_address.strip())
    )


def allow_bases(conn: sa.Connection, account_id: AccountId, bases: Sequence[Basis]) -> None:
    """Say on which legal grounds an account mails; consent always is one of them."""
    wanted = [basis.value for basis in Basis if basis is Basis.CONSENT or basis in bases]
    conn.execute(accounts.update().where(accounts.c.id == account_id).values(allowed_bases=wanted))


def set_frequency_cap(conn: sa.Connection, account_id: AccountId, *, cap: int | None, days: int = 7) -> None:
    """At most `cap` marketing messages per contact in `days` days; None lifts the cap.

    Raises: BadInput.
    """
    if not (cap is None or 1 <= cap <= MAX_FREQUENCY) or not 1 <= days <= MAX_FREQUENCY_DAYS:
        raise BadInput(
            f"a frequency cap is 1 to {MAX_FREQUENCY} messages in 1 to {MAX_FREQUENCY_DAYS} days",
            code="bad_frequency_cap", field="frequency_cap",
        )  # fmt: skip
    conn.execute(accounts.update().where(accounts.c.id == account_id).values(frequency_cap=cap, frequency_days=days))


def set_attribution(conn: sa.Connection, account_id: AccountId, *, currency: str, days: int) -> None:
    """Say what conversions are counted in, and for how many days after a click they are put down to it.

    Raises: BadInput.
    """
    if not (len(currency) == CURRENCY_CHARS and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise BadInput(
            f"{currency!r} is no currency; write its three letters, as EUR", code="bad_currency", field="currency"
        )
    if not 1 <= days <= MAX_ATTRIBUTION_DAYS:
        raise BadInput(
            f"conversions are put down to a click for 1 to {MAX_ATTRIBUTION_DAYS} days", code="bad_attribution",
            field="attribution_days",
        )  # fmt: skip
    conn.execute(accounts.update().where(accounts.c.id == account_id).values(currency=currency, attribution_days=days))


def set_approval(conn: sa.Connection, account_id: AccountId, *, needed: bool) -> None:
    """Say whether a second person has to approve each campaign before it leaves."""
    conn.execute(accounts.update().where(accounts.c.id == account_id).values(needs_approval=needed))


def by_slug(conn: sa.Connection, slug: str) -> Account:
    """Raises: NotFound."""
    return _one(conn, accounts.c.slug == slug, f"no account {slug!r}")


def by_id(conn: sa.Connection, account_id: AccountId) -> Account:
    """Raises: NotFound."""
    return _one(conn, accounts.c.id == account_id, f"no account {account_id}")


def only_account(conn: sa.Connection) -> Account:
    """The account of an installation that has just one.

    Raises: BadInput where there are several or none.
    """
    found: list[str] = list(conn.execute(sa.select(accounts.c.slug).order_by(accounts.c.slug)).scalars())
    if not found:
        raise BadInput("there is no account yet: `sillage account create SLUG --name NAME`", code="no_account")
    if len(found) > 1:
        raise BadInput(f"which account? name one of: {', '.join(found)}", code="which_account", field="account")
    return by_slug(conn, found[0])


def _one(conn: sa.Connection, where: sa.ColumnElement[bool], missing: str) -> Account:
    row = conn.execute(sa.select(*_COLUMNS).where(where)).mappings().first()
    if row is None:
        raise NotFound(missing)
    return Account(**row)
