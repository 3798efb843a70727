"""What a user may say about a file: answers to its questions, and a consent declared for all of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sillage.domain.consent import Basis
from sillage.domain.field import FieldType
from sillage.errors import BadInput
from sillage.ingest.dates import DateOrder
from sillage.store.merging import Mode


class Wins(StrEnum):
    """Of two rows with one address."""

    FIRST = "first"
    LAST = "last"


class ImportOptions(BaseModel):
    """Options of one import. A consent declared for the whole file names who declares it and the exact words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mapping: dict[str, str] = Field(default_factory=dict)
    """Header → field, where the file's own words are not understood; `-` leaves a column out, `custom` makes it a field
    of its own."""
    remembered: dict[str, str] = Field(default_factory=dict)
    """The same, of headers without case and accents: what the account's people said before."""
    date_order: DateOrder | None = None
    """How dates are read that could be read in two ways."""
    region: str | None = None
    """Country of phone numbers without a country code (ISO 3166, as FR); by default the account's."""
    mode: Mode = Mode.ADD_AND_UPDATE
    wins: Wins = Wins.FIRST
    """Which of two rows with one address is taken."""
    fields: dict[str, FieldType] = Field(default_factory=dict)
    """Header → type of the custom field that is made of it; others are text."""
    consent_declared_by: str = ""
    consent_wording: str = ""
    consent_version: str = ""
    consent_at: datetime | None = None
    """When the declared consent was given; by default when the file came first."""
    basis: Basis = Basis.CONSENT

    @model_validator(mode="after")
    def _declared_in_full(self) -> Self:
        if bool(self.consent_declared_by.strip()) != bool(self.consent_wording.strip()):
            msg = "a consent declared for a whole file needs both: by whom (declared_by), and in which words (wording)"
            raise ValueError(msg)
        if self.consent_at is not None and self.consent_at.tzinfo is None:
            msg = "consent_at needs a time zone"
            raise ValueError(msg)
        return self

    @property
    def declares_consent(self) -> bool:
        """Whether somebody declared consent for the whole file."""
        return bool(self.consent_declared_by.strip())

    def as_json(self) -> dict[str, Any]:
        """Plain data, for a JSON column."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, values: dict[str, Any]) -> ImportOptions:
        """Options from plain data.

        Raises: BadInput.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as exc:
            fault = exc.errors()[0]
            where = ".".join(map(str, fault["loc"]))
            message = str(fault["msg"]).removeprefix("Value error, ")
            raise BadInput(f"{where}: {message}" if where else message, code="bad_options", field=where) from exc
