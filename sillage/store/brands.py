"""The brand kit of an account: the colours, the font and the logo that the editor offers first."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa

from sillage.content.accessibility import ENOUGH, contrast
from sillage.domain.ids import AccountId
from sillage.errors import BadInput
from sillage.store import images
from sillage.store.images import LibraryImage
from sillage.store.tables import brands

MAX_COLOURS = 8
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_FONT = re.compile(r"[A-Za-z0-9 ,'-]{0,200}")


@dataclass(frozen=True, slots=True)
class Brand:
    """Colours as `#RRGGBB`; `font` is a CSS family, empty for the mail reader's own."""

    colours: tuple[str, ...] = ("#0B2545", "#0B7A75", "#C8371B", "#F2A541", "#E8F1F2")
    text_colour: str = "#0B2545"
    button_colour: str = "#0B7A75"
    link_colour: str = "#0B7A75"
    font: str = "Helvetica, Arial, sans-serif"
    logo: LibraryImage | None = None


def of_account(conn: sa.Connection, account_id: AccountId) -> Brand:
    """The kit of an account, or a sober one where it has set none."""
    row = conn.execute(sa.select(brands).where(brands.c.account_id == account_id)).first()
    if row is None:
        return Brand()
    logo = images.get(conn, account_id, row.logo_id) if row.logo_id else None
    return Brand(tuple(row.colours), row.text_colour, row.button_colour, row.link_colour, row.font, logo)


def accent(conn: sa.Connection, account_id: AccountId) -> str | None:
    """The colour of an account's buttons, for templates, where it has set one that white is read on."""
    row = conn.execute(sa.select(brands.c.button_colour).where(brands.c.account_id == account_id)).first()
    return row[0] if row is not None and contrast(row[0].lower(), "#ffffff") >= ENOUGH else None


def set_brand(conn: sa.Connection, account_id: AccountId, brand: Brand) -> None:
    """Raises: BadInput where a colour or the font is none; NotFound where the logo is not the account's."""
    for colour in (*brand.colours, brand.text_colour, brand.button_colour, brand.link_colour):
        if not _COLOUR.fullmatch(colour):
            raise BadInput(f"{colour!r} is no colour; write it as #0B7A75", code="bad_colour", field="colours")
    if len(brand.colours) > MAX_COLOURS:
        raise BadInput(f"a brand kit has {MAX_COLOURS} colours at most", code="bad_colour", field="colours")
    if not _FONT.fullmatch(brand.font):
        raise BadInput("a font is a list of names, such as Georgia, serif", code="bad_font", field="font")
    if brand.logo is not None:
        images.get(conn, account_id, brand.logo.id)
    values = {
        "colours": list(brand.colours), "text_colour": brand.text_colour, "button_colour": brand.button_colour,
        "link_colour": brand.link_colour, "font": brand.font, "logo_id": brand.logo.id if brand.logo else None,
    }  # fmt: skip
    conn.execute(brands.delete().where(brands.c.account_id == account_id))
    conn.execute(brands.insert().values(account_id=account_id, **values))
