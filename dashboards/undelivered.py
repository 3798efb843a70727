"""The people that a campaign did not reach, each with the exact reason, and the list as a file."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

from openpyxl import Workbook  # type: ignore[import-untyped]  # its stubs are no part of it

from dashboards.shell import Desk
from sillage.domain.ids import CampaignId, ContactId
from sillage.domain.spreadsheet import neutral
from sillage.errors import NotFound
from sillage.store import contacts

Row = dict[str, Any]
SHOWN = 100
MOST = 500_000
COLUMNS = ("contact_id", "email", "provider", "bounce_class", "bounce_reason", "said", "bounced_via", "bounced_at")
_LIST = """
with undelivered as (
    select contact_id, provider, bounce_class, bounce_reason, bounced_via, bounced_at
    from marts.main.live_undelivered
    where account_id = $1 and campaign_id = $2
),
said as (
    select events.contact_id, arg_max(concat_ws(' ', events.status, personal.diagnostic), events.occurred_at) as said
    from lake.main.events as events
    left join lake.main.event_personal as personal on events.event_id = personal.event_id
    where events.account_id = $1 and events.campaign_id = $2 and events.type = 'bounced'
    group by 1
)
select undelivered.*, coalesce(said.said, '') as said
from undelivered left join said on undelivered.contact_id = said.contact_id
order by bounce_class, bounced_at desc, undelivered.contact_id
limit $3
"""


def listed(desk: Desk, campaign_id: CampaignId, *, limit: int = SHOWN) -> list[Row]:
    """The gravest kinds first; addresses come from ops, and are empty for people who are gone."""
    try:
        rows = desk.reader.query(_LIST, [desk.account_id, campaign_id, limit])
    except NotFound:
        return []
    with desk.store.read() as conn:
        known = contacts.emails_of(conn, desk.account_id, [ContactId(row["contact_id"]) for row in rows])
    return [{**row, "email": known.get(row["contact_id"], "")} for row in rows]


def as_csv(rows: list[Row]) -> bytes:
    """For a spreadsheet: no cell is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(row[column]) for column in COLUMNS] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def as_xlsx(rows: list[Row]) -> bytes:
    """The same as a workbook."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("undelivered")
    sheet.append(list(COLUMNS))
    for row in rows:
        sheet.append([_cell(row[column]) for column in COLUMNS])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(value: object) -> str | int:
    if isinstance(value, int):
        return value
    text = value.isoformat() if isinstance(value, datetime) else str(value if value is not None else "")
    # XML holds no control characters, and a cell 32,767 of the others.
    return neutral("".join(c if c.isprintable() else " " for c in text)[:32_000])
