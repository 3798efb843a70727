"""Custom fields: what their values are."""

from __future__ import annotations

from enum import StrEnum


class FieldType(StrEnum):
    """The type of a custom field. A field of which nobody said anything is text."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    CHOICE = "choice"


MAX_CHOICES = 200
"""A column with more values than that is text."""
