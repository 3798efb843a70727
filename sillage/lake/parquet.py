"""The marts as Parquet files for any other tool: each table of one account, all as of one moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from sillage.domain.ids import AccountId
from sillage.errors import BadInput, NotFound, TransientError
from sillage.lake import catalog
from sillage.settings import Settings

_TABLES = """
select table_name, bool_or(column_name = 'account_id') as is_of_an_account
from duckdb_columns() where database_name = 'marts' and schema_name = 'main' and not internal and table_name in
    (select table_name from duckdb_tables() where database_name = 'marts' and schema_name = 'main')
group by table_name order by table_name
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """One table: its file and how many rows it has."""

    path: Path
    rows: int


def export_marts(settings: Settings, account_id: AccountId, folder: Path) -> list[Exported]:
    """Write each table of the last build to FOLDER/TABLE.parquet; only the account's rows, where a table has accounts.

    The marts know contacts by number alone, so no file holds an address or a name.

    Raises: NotFound before the first build; BadInput for a folder that can't be written; TransientError.
    """
    if not catalog.exists(settings.marts_dir):
        raise NotFound("there are no marts yet; `sillage metrics build` makes them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise BadInput(f"{folder} can't be made: {exc}", code="bad_folder") from exc
    con = catalog.connect(settings)
    try:
        catalog.attach_marts(con, settings, read_only=True)
        # One transaction, one snapshot: a build that ends meanwhile changes nothing here.
        con.execute("begin transaction read only")
        return [
            _table(con, account_id, name, folder, is_scoped=scoped) for name, scoped in con.execute(_TABLES).fetchall()
        ]
    except duckdb.Error as exc:
        raise TransientError(f"the marts can't be written to {folder}: {exc}") from exc
    finally:
        con.close()


def _table(
    con: duckdb.DuckDBPyConnection, account_id: AccountId, name: str, folder: Path, *, is_scoped: bool
) -> Exported:
    """A name of a table is dbt's own; the path is text of a literal."""
    path = folder / f"{name}.parquet"
    where = f"where account_id = {int(account_id)}" if is_scoped else ""
    place = str(path).replace("'", "''")
    row = con.execute(f"""copy (select * from marts.main."{name}" {where}) to '{place}' (format parquet, codec zstd)""")
    (rows,) = row.fetchone() or (0,)
    return Exported(path, int(rows))
