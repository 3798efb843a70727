"""A list of a campaign's recipients, or all contacts, as a table: ids from the lake, who they are from ops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from sillage.domain.contact import TEXT_FIELDS
from sillage.domain.ids import AccountId
from sillage.errors import BadInput
from sillage.export.cells import Column
from sillage.export.write import BATCH
from sillage.lake.reader import Reader
from sillage.lake.recipients import ListName, Wanted, people
from sillage.store import campaigns, contacts
from sillage.store.database import Store

WHO = ("email", "phone", *TEXT_FIELDS)
"""Fields of a contact that a file may hold; a custom field is named by its header."""
_OF_LIST = {
    ListName.BOUNCED: ("bounce_class", "reason", "via", "said"),
    ListName.IN_DOUBT: ("reason",),
    ListName.SUPPRESSED: ("reason",),
    ListName.SKIPPED: ("reason",),
    ListName.FAILED: ("reason",),
    ListName.OPENERS: ("times",),
    ListName.CLICKERS: ("times",),
}

_EVERYBODY = pl.Schema(
    {
        "contact_id": pl.Int64(),
        "provider": pl.String(),
        "source": pl.String(),
        "created_at": pl.Datetime("us", "UTC"),
        "updated_at": pl.Datetime("us", "UTC"),
    }
)


def columns_of(name: ListName, fields: Sequence[str]) -> list[Column]:
    """The columns of a list's file: the number, the chosen fields, then what the list tells of each."""
    told = ("provider", "variant", "at", *_OF_LIST.get(name, ()))
    return [Column(one, one) for one in dict.fromkeys(("contact_id", *fields, *told))]


def listed(
    store: Store, reader: Reader, account_id: AccountId, wanted: Wanted, fields: Sequence[str]
) -> tuple[int, Iterator[pl.DataFrame]]:
    """How many there are, and their rows in batches, all as of one moment; of who was erased the number alone is left.

    Raises: NotFound before the first event; BadInput for a field's name that a list has of its own; TransientError.
    """
    _refuse_doubles(fields, columns_of(wanted.name, ()))
    found = people(reader, account_id, wanted)
    with store.read() as conn:
        names = {v.id: v.name for v in campaigns.variants_of(conn, account_id, wanted.campaign_id)}
    named = found.with_columns(
        pl.col("variant_id").replace_strict(names, default=None, return_dtype=pl.String).alias("variant")
    )
    return found.height, (with_who(store, account_id, part, fields) for part in named.iter_slices(BATCH))


def with_who(store: Store, account_id: AccountId, rows: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Rows (column contact_id) with the named fields of each contact, as text; nothing where there is none."""
    with store.read() as conn:
        known = contacts.fields_of(conn, account_id, rows["contact_id"].to_list(), fields)
    schema = {"contact_id": pl.Int64, **dict.fromkeys(fields, pl.String)}
    who = pl.DataFrame(known, schema=schema, orient="row")
    return rows.join(who, on="contact_id", how="left", maintain_order="left")


def everybody(store: Store, account_id: AccountId, fields: Sequence[str]) -> tuple[int, Iterator[pl.DataFrame]]:
    """All contacts of an account by number: how many there are, and their rows in batches.

    Raises: BadInput for a field's name that the file has of its own.
    """
    own = ("contact_id", "provider", "source", "created_at", "updated_at")
    _refuse_doubles(fields, [Column(name, name) for name in own])
    with store.read() as conn:
        size = contacts.count(conn, account_id)

    def batches() -> Iterator[pl.DataFrame]:
        last = 0
        while True:
            with store.read() as conn:
                rows = contacts.page(conn, account_id, after=last, limit=BATCH)
            if not rows:
                return
            last = rows[-1][0]
            yield with_who(store, account_id, pl.DataFrame(rows, schema=_EVERYBODY, orient="row"), fields)

    return size, batches()


def everybody_columns(fields: Sequence[str]) -> list[Column]:
    """The columns of a file of all contacts."""
    return [Column(one, one) for one in ("contact_id", *fields, "provider", "source", "created_at", "updated_at")]


def _refuse_doubles(fields: Sequence[str], own: Sequence[Column]) -> None:
    if doubled := {column.name for column in own} & set(fields):
        raise BadInput(f"the file has a column {min(doubled)!r} of its own", code="bad_field", field=min(doubled))
