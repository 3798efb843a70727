"""What the columns of a file mean: by their headers, and by their cells where the headers say nothing."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sillage.domain.contact import TEXT_FIELDS
from sillage.errors import BadInput

CONSENT_FIELDS = (
    "marketing_consent", "subscription", "unsubscribed", "consent_at", "consent_source", "consent_ip",
    "tracking_consent",
)  # fmt: skip
FIELDS = ("email", "phone", *TEXT_FIELDS, *CONSENT_FIELDS)
IGNORED = "-"
"""Said instead of a field, for a column that is left out."""
OWN = "custom"
"""Said instead of a field, for a column that is a custom field whatever its header looks like."""
MAX_COLUMNS = 16_384
MAX_NAME = 200
MOSTLY = 0.6

_ADDRESS = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+\.[^\s@,;<>\".]+")

_LISTS = tomllib.loads((Path(__file__).resolve().parents[2] / "data" / "columns.toml").read_text(encoding="utf-8"))
_BY_KEY = {word.replace(" ", ""): field for field, words in _LISTS["headers"].items() for word in words}
# Headers that mean much else besides: taken only where the cells or the other columns say the same.
_NEEDS_WORDS = {"subscription", "unsubscribed", "marketing_consent", "tracking_consent"}
_VAGUE_SOURCES = {"source", "origine", "provenance"}

YES, NO, GONE = "yes", "no", "gone"
WORDS: Mapping[str, str] = {word: answer for answer, words in _LISTS["words"].items() for word in words}
"""What a cell of a consent column says, in lower case."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Columns of a file, by number: what each is called, and which of them mean a field."""

    names: tuple[str, ...]
    fields: dict[int, str]
    """Column → field; a column that is not here is a custom field under its own name."""
    ignored: frozenset[int] = frozenset()

    def column(self, field: str) -> int | None:
        """The column of a field, or None."""
        return next((number for number, name in self.fields.items() if name == field), None)

    @property
    def says_consent(self) -> bool:
        """Whether the file has a word on consent."""
        return any(field in CONSENT_FIELDS for field in self.fields.values())

    @property
    def custom(self) -> list[int]:
        """Columns that become custom fields."""
        return [n for n in range(len(self.names)) if n not in self.fields and n not in self.ignored]

    @property
    def as_headers(self) -> dict[str, str]:
        """Header → field, of the columns that mean one."""
        return {self.names[number]: field for number, field in sorted(self.fields.items())}


def key_of(header: str) -> str:
    """A header without case, accents and punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", header) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "", plain.casefold())


def field_of(header: str) -> str | None:
    """The field that a header names, or None."""
    return _BY_KEY.get(key_of(header))


def is_address(cell: str) -> bool:
    """Whether a cell looks like one e-mail address."""
    return _ADDRESS.fullmatch(cell.strip().strip("<>")) is not None


def map_columns(
    headers: Sequence[str] | None,
    width: int,
    sample: Sequence[Sequence[str]],
    wanted: Mapping[str, str],
    file_name: str,
    remembered: Mapping[str, str] | None = None,
) -> ColumnMap:
    """What each column means. `wanted` is what the user said (header → field, `-` to leave one out), `remembered` what
    was said before of such headers (`key_of` them → field).

    Raises: BadInput (duplicate_header, unknown_column, unknown_field, no_address_column, not_a_table).
    """
    if width > MAX_COLUMNS:
        raise BadInput(f"{file_name} has more than {MAX_COLUMNS} columns: this is no table", code="not_a_table")
    names = _names(headers, width, file_name)
    columns = [[row[n].strip() if n < len(row) else "" for row in sample] for n in range(width)]
    fields, ignored = _as_wanted(names, wanted)
    if headers is not None:
        _recall(names, remembered or {}, fields, ignored)
    said = {**(remembered or {}), **{key_of(header): field for header, field in wanted.items()}}
    own = {n for n, name in enumerate(names) if said.get(key_of(name)) == OWN}
    for number, name in enumerate(names if headers is not None else ()):
        field = field_of(name)
        if field is None or field in fields.values() or number in fields or number in ignored or number in own:
            continue
        if field not in _NEEDS_WORDS or _says_words(columns[number], field):
            fields[number] = field
    if not {"consent_at", "marketing_consent", "subscription", "consent_ip"} & set(fields.values()):
        fields = {n: f for n, f in fields.items() if f != "consent_source" or key_of(names[n]) not in _VAGUE_SOURCES}
    if "email" not in fields.values() and (found := _column_of_addresses(columns, fields, ignored)) is not None:
        fields[found] = "email"
    ignored |= {n for n in range(width) if headers is not None and n < len(headers) and not headers[n].strip()
                and not any(columns[n]) and n not in fields}  # fmt: skip
    if not {"email", "phone"} & set(fields.values()):
        raise BadInput(
            f"{file_name} has no column of e-mail addresses or phone numbers; name one: --map 'Column=email'",
            code="no_address_column",
        )
    return ColumnMap(names, fields, frozenset(ignored))


def _names(headers: Sequence[str] | None, width: int, file_name: str) -> tuple[str, ...]:
    if headers is None:
        return tuple(f"column_{n + 1}" for n in range(width))
    names: list[str] = []
    seen: set[str] = set()
    for number in range(width):
        text = headers[number] if number < len(headers) else ""
        name = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).split())[:MAX_NAME]
        if name and name.casefold() in seen:
            raise BadInput(
                f"{file_name} has two columns {name!r}; rename one of them", code="duplicate_header", field=name
            )
        seen.add(name.casefold())
        names.append(name or f"column_{number + 1}")
    return tuple(names)


def _as_wanted(names: Sequence[str], wanted: Mapping[str, str]) -> tuple[dict[int, str], set[int]]:
    fields: dict[int, str] = {}
    ignored: set[int] = set()
    for header, field in wanted.items():
        number = next((n for n, name in enumerate(names) if name.casefold() == header.strip().casefold()), None)
        if number is None:
            raise BadInput(f"there is no column {header!r}; there are: {', '.join(names[:50])}", code="unknown_column")
        if field == IGNORED:
            ignored.add(number)
        elif field == OWN:
            continue
        elif field not in FIELDS:
            raise BadInput(f"{field!r} is no field; fields are: {', '.join(FIELDS)}", code="unknown_field")
        elif field in fields.values():
            raise BadInput(f"two columns are mapped to {field!r}; name one", code="unknown_field", field=field)
        else:
            fields[number] = field
    return fields, ignored


def _recall(names: Sequence[str], remembered: Mapping[str, str], fields: dict[int, str], ignored: set[int]) -> None:
    for number, name in enumerate(names):
        field = remembered.get(key_of(name))
        if field is None or number in fields or number in ignored:
            continue
        if field == IGNORED:
            ignored.add(number)
        elif field in FIELDS and field not in fields.values():
            fields[number] = field


def _says_words(cells: Sequence[str], field: str) -> bool:
    """Whether the cells of a consent column are words that we know (or moments, for an unsubscription)."""
    full = [cell.lower() for cell in cells if cell]
    known = sum(cell in WORDS or (field == "unsubscribed" and cell[:1].isdigit()) for cell in full)
    return known >= MOSTLY * len(full)


def _column_of_addresses(columns: Sequence[Sequence[str]], taken: Mapping[int, str], ignored: set[int]) -> int | None:
    best, best_share = None, MOSTLY
    for number, cells in enumerate(columns):
        full = [cell for cell in cells if cell]
        share = sum(map(is_address, full)) / len(full) if full else 0.0
        if share > best_share and number not in taken and number not in ignored:
            best, best_share = number, share
    return best
