"""People out of Salesforce: Contacts, Leads and campaign members, by what changed since the last pull.

A pull is written to files first, whole or not at all, and goes in by the same import as any file: with its checks, its
duplicates, its consent and its report. Only then the cursor moves, so that a pull that broke is simply made again.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceError,
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from urllib3.util import Retry

from sillage.domain.ids import AccountId
from sillage.errors import BadInput, TransientError
from sillage.ingest.importer import import_file
from sillage.ingest.options import ImportOptions
from sillage.ingest.report import ImportReport
from sillage.settings import Settings
from sillage.store import files, pulls
from sillage.store.database import Store

API_VERSION = "60.0"
OBJECTS = ("Contact", "Lead", "CampaignMember")
BULK_FROM = 2_000
"""From so many records on a pull is a job of the Bulk API: one page of the other holds 2,000."""
OVERLAP = timedelta(minutes=10)
"""A transaction there may commit ten minutes after the stamp that its records carry."""
TIMEOUT_S = (10.0, 120.0)
TRIES = 6
_STAGED = "salesforce_pull"
_STAMP = "SystemModstamp"
_FIELD = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)*", re.ASCII)
_BUSY = (429, 500, 502, 503, 504)
_FLUSH_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Mapping:
    """What the fields of one object become."""

    name: str
    fields: dict[str, str]
    """Field there → field here, or `custom:NAME`."""
    group: str | None = None
    group_by: str | None = None
    group_prefix: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Field there → header of the file: custom fields have a name of their own."""
        return {ours: said.removeprefix("custom:") if said.startswith("custom:") else ours
                for ours, said in self.fields.items()}  # fmt: skip

    @property
    def options(self) -> ImportOptions:
        """The mapping as an import understands it."""
        wanted = {theirs: ours for theirs, ours in self.fields.items() if not ours.startswith("custom:")}
        return ImportOptions(mapping=wanted)

    def query(self, since: datetime | None) -> str:
        """The records that changed since a moment, oldest first."""
        names = list(dict.fromkeys([*self.fields, *([self.group_by] if self.group_by else []), _STAMP]))
        return f"SELECT {', '.join(names)} FROM {self.name}{_since(since)} ORDER BY {_STAMP}"

    def count(self, since: datetime | None) -> str:
        """How many those are."""
        return f"SELECT COUNT() FROM {self.name}{_since(since)}"


def _since(moment: datetime | None) -> str:
    return "" if moment is None else f" WHERE {_STAMP} >= {moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read_mappings(path: Path) -> dict[str, Mapping]:
    """The mapping of each object, by its name.

    Raises: BadInput that names the file, the object and what is wrong with it.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise BadInput(f"{path} can't be read: {exc}", code="bad_mapping") from exc
    found: dict[str, Mapping] = {}
    for name, table in raw.items():
        fields = table.get("fields", {}) if isinstance(table, dict) else {}
        names = [name, *fields, *([table["group_by"]] if "group_by" in table else [])]
        wrong = next((one for one in names if not _FIELD.fullmatch(str(one))), None)
        if wrong is not None or not {"email", "phone"} & set(fields.values()):
            what = f"{wrong!r} is no field's name" if wrong else "it maps no field to email or phone"
            raise BadInput(f"{path}, [{name}]: {what}", code="bad_mapping", field=name)
        found[name] = Mapping(
            name, fields, table.get("group"), table.get("group_by"), str(table.get("group_prefix", ""))
        )
    return found


@dataclass(slots=True)
class PullReport:
    """What a pull brought."""

    records: int = 0
    by_bulk: bool = False
    imports: dict[str, ImportReport] = field(default_factory=dict)
    """By group."""
    position: str | None = None

    @property
    def accepted(self) -> int:
        """Rows that are contacts now."""
        return sum(one.accepted for one in self.imports.values())


class _Token(AuthBase):
    """The org's access token, by client credentials (OAuth 2.0, RFC 6749 4.4); a new one where it has expired."""

    def __init__(self, settings: Settings, session: requests.Session) -> None:
        self._settings = settings
        self._session = session
        self.value, self.instance_url = self._ask()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.value}"
        request.register_hook("response", self._renewed)
        return request

    def _ask(self) -> tuple[str, str]:
        answer = self._session.post(
            f"{self._settings.salesforce_url.rstrip('/')}/services/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self._settings.salesforce_client_id,
                "client_secret": self._settings.salesforce_client_secret.get_secret_value(),
            },
            auth=_no_auth,
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )
        try:
            said = answer.json()
            if not isinstance(said, dict):
                said = {}
        except ValueError:
            said = {}
        if answer.status_code != requests.codes.ok or not {"access_token", "instance_url"} <= said.keys():
            why = said.get("error_description") or said.get("error") or f"HTTP {answer.status_code}"
            if answer.status_code in _BUSY:
                raise TransientError(f"Salesforce does not answer: {why}")
            raise BadInput(
                f"Salesforce gives no token: {why}; look at SILLAGE_SALESFORCE_URL, _CLIENT_ID and _CLIENT_SECRET",
                code="salesforce_login",
            )
        if not str(said["instance_url"]).startswith("https://"):
            raise BadInput("Salesforce names an instance without https", code="salesforce_login")
        return str(said["access_token"]), str(said["instance_url"])

    def _renewed(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        """Once for a request: a token that has expired is replaced, and the request is sent again."""
        if response.status_code != requests.codes.unauthorized or response.request.headers.get("X-Asked-Again"):
            return response
        _ = response.content  # so that its connection can be used again
        self.value, self.instance_url = self._ask()
        again = response.request.copy()
        again.headers["Authorization"] = f"Bearer {self.value}"
        again.headers["X-Asked-Again"] = "1"
        kwargs.pop("allow_redirects", None)
        adapter = self._session.get_adapter(str(again.url))
        return _whole(adapter.send(again, **kwargs))


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _whole(response: requests.Response, *_: Any, **__: Any) -> requests.Response:
    """A page of a job says how many records it holds; one that holds others was cut on its way.

    Raises: TransientError.
    """
    said = response.headers.get("Sforce-NumberOfRecords")
    if said is not None and response.ok:
        rows = sum(1 for row in csv.reader(io.StringIO(response.content.decode("utf-8"), newline="")) if row) - 1
        if max(rows, 0) != int(said):
            raise TransientError(f"a page of Salesforce holds {max(rows, 0)} records and says {said}: pull again")
    return response


class _Patient(HTTPAdapter):
    """Asks again, later and later, where the org is busy; every request has a time limit."""

    def __init__(self, pause_s: float) -> None:
        super().__init__(
            max_retries=Retry(
                total=TRIES, status_forcelist=_BUSY, backoff_factor=pause_s, backoff_max=60, allowed_methods=None,
                raise_on_status=False, respect_retry_after_header=True, retry_after_max=300,
            )
        )  # fmt: skip

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]  # its own arguments pass through
        kwargs["timeout"] = kwargs.get("timeout") or TIMEOUT_S
        return super().send(request, **kwargs)


def connect(settings: Settings, *, pause_s: float = 1.0) -> Salesforce:
    """A connection to the org of the settings. `pause_s`: what the waits between tries grow from.

    Raises: BadInput where the settings are not complete or are refused; TransientError where the org is busy.
    """
    for name in ("salesforce_url", "salesforce_client_id", "salesforce_account"):
        if not getattr(settings, name):
            raise BadInput(f"SILLAGE_{name.upper()} is not set: nothing can be pulled", code="salesforce_settings")
    session = requests.Session()
    session.trust_env = False
    session.verify = settings.salesforce_ca or True
    session.mount("https://", _Patient(pause_s))
    session.hooks["response"].append(_whole)
    with _explained():
        token = _Token(settings, session)
    session.auth = token
    return Salesforce(
        instance_url=token.instance_url, session_id=token.value, session=session, version=API_VERSION
    )  # fmt: skip


@contextmanager
def _explained() -> Iterator[None]:
    """Raises: TransientError where asking again may help, BadInput where it does not."""
    try:
        yield
    except (SalesforceMalformedRequest, SalesforceResourceNotFound, SalesforceOperationError) as exc:
        raise BadInput(f"Salesforce refuses the query: {_said(exc)}", code="salesforce_query") from exc
    except SalesforceRefusedRequest as exc:
        if "REQUEST_LIMIT_EXCEEDED" in _said(exc):
            raise TransientError("the org's daily requests are used up; Salesforce gives new ones later") from exc
        raise BadInput(f"Salesforce refuses: {_said(exc)}", code="salesforce_refused") from exc
    except (SalesforceError, requests.RequestException, KeyError, ValueError) as exc:
        raise TransientError(f"Salesforce does not answer as it should: {type(exc).__name__}: {_said(exc)}") from exc


def _said(exc: Exception) -> str:
    return str(getattr(exc, "content", "") or exc)[:500]


def pull(
    store: Store,
    settings: Settings,
    account_id: AccountId,
    salesforce: Salesforce,
    mapping: Mapping,
    *,
    bulk_from: int = BULK_FROM,
    poll_s: float = 5.0,
) -> PullReport:
    """Bring in what changed of one object since the last pull.

    Raises: TransientError where it broke on its way: nothing of it is imported, and the next pull begins where this one
    did; BadInput where the org refuses the query, or the import the file.
    """
    source = f"salesforce {mapping.name}"
    with store.read() as conn:
        position = pulls.position(conn, account_id, source)
    since = datetime.fromisoformat(position) - OVERLAP if position else None
    report = PullReport(position=position)
    place = (
        settings.files_dir / "salesforce" / str(account_id) / f"{mapping.name}-{settings.clock.now():%Y%m%dT%H%M%S%f}"
    )
    staged = _Staged(store, settings, account_id, mapping, place)
    try:
        with _explained():
            total = int(salesforce.query(mapping.count(since))["totalSize"])
            report.by_bulk = total >= bulk_from
            rows = (
                _by_job(salesforce, mapping, since, poll_s) if report.by_bulk else _by_page(salesforce, mapping, since)
            )
            newest = staged.take(rows)
        report.records = staged.records
        for group, path in sorted(staged.paths.items()):
            report.imports[group] = import_file(
                store, settings, account_id, path, group=group or None, options=mapping.options
            )
    finally:
        staged.remove()
    if newest is not None:
        report.position = newest.isoformat()
        with store.write() as conn:
            pulls.advance(conn, account_id, source, report.position, settings.clock.now())
    return report


def _by_page(salesforce: Salesforce, mapping: Mapping, since: datetime | None) -> Iterator[dict[str, str]]:
    for record in salesforce.query_all_iter(mapping.query(since)):
        yield {name: _text(value) for name, value in _flat(record)}


def _by_job(
    salesforce: Salesforce, mapping: Mapping, since: datetime | None, poll_s: float
) -> Iterator[dict[str, str]]:
    for page in getattr(salesforce.bulk2, mapping.name).query(mapping.query(since), wait=poll_s):
        yield from csv.DictReader(io.StringIO(str(page), newline=""))


def _flat(record: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if name == "attributes":
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


class _Staged:
    """The files of a pull on their way into the import: one for each group, registered, and gone when it is over."""

    def __init__(self, store: Store, settings: Settings, account_id: AccountId, mapping: Mapping, place: Path) -> None:
        self._store = store
        self._account_id = account_id
        self._mapping = mapping
        self._now = settings.clock.now()
        self._place = place
        self._waiting: dict[str, list[list[str]]] = {}
        self._registered: list[int] = []
        self.paths: dict[str, Path] = {}
        self.records = 0

    def take(self, rows: Iterable[dict[str, str]]) -> datetime | None:
        """Write all rows; the newest stamp of theirs, or None where there are none."""
        newest: datetime | None = None
        for row in rows:
            self.records += 1
            stamp = datetime.fromisoformat(row[_STAMP])
            newest = stamp if newest is None or stamp > newest else newest
            self._waiting.setdefault(self._group_of(row), []).append(
                [row.get(name, "") for name in self._mapping.fields]
            )
            if self.records % _FLUSH_ROWS == 0:
                self._flush()
        self._flush()
        return newest

    def _group_of(self, row: dict[str, str]) -> str:
        named = row.get(self._mapping.group_by, "") if self._mapping.group_by else ""
        return f"{self._mapping.group_prefix}{named}" if named else self._mapping.group or ""

    def _flush(self) -> None:
        for group, lines in self._waiting.items():
            path = self.paths.get(group)
            if path is None:
                path = self.paths[group] = self._begin()
            with path.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(lines)
        self._waiting.clear()

    def _begin(self) -> Path:
        path = self._place / f"salesforce-{self._mapping.name}-{len(self.paths) + 1}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._store.write() as conn:
            file_id = files.register(conn, self._account_id, _STAGED, path, self._now, self._now + timedelta(days=1))
        self._registered.append(file_id)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            csv.writer(file).writerow(self._mapping.headers.values())
        return path

    def remove(self) -> None:
        """Take the files away: what was imported has its original."""
        for path in self.paths.values():
            path.unlink(missing_ok=True)
        if self.paths:
            self._place.rmdir()
        with self._store.write() as conn:
            for file_id in self._registered:
                files.forget(conn, self._account_id, file_id)
