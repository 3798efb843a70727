"""What a spreadsheet would run, and how it is kept from it."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so may be taken for a formula when a CSV or a workbook is opened (CVE-2021-3188)."""


def neutral(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(FORMULA) else value
