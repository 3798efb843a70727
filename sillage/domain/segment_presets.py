"""The segments that people expect to find, ready-made."""

from __future__ import annotations

from typing import Any

Preset = dict[str, Any]

_ACTED_90 = {"kind": "or", "parts": [
    {"kind": "engaged", "did": "opened", "days": 90}, {"kind": "engaged", "did": "clicked", "days": 90}]}  # fmt: skip
_ACTED_180 = {"kind": "or", "parts": [
    {"kind": "engaged", "did": "opened", "days": 180}, {"kind": "engaged", "did": "clicked", "days": 180}]}  # fmt: skip
_EVER = {"kind": "or", "parts": [{"kind": "engaged", "did": "opened"}, {"kind": "engaged", "did": "clicked"}]}
_WRITTEN_TO = {"kind": "engaged", "did": "received", "days": 90, "at_least": 3}

PRESETS: dict[str, Preset] = {
    "Active in 90 days": _ACTED_90,
    "Never opened": {"kind": "and", "parts": [
        {"kind": "engaged", "did": "not_opened"}, {"kind": "engaged", "did": "received", "at_least": 3}]},
    "Clicked but did not convert": {"kind": "and", "parts": [
        {"kind": "engaged", "did": "clicked", "days": 30}, {"kind": "not", "part": {"kind": "converted", "days": 30}}]},
    "New in 30 days": {"kind": "field", "field": "created_at", "op": "within_last", "value": 30.0},
    "Lapsing": {"kind": "and", "parts": [_ACTED_180, {"kind": "not", "part": _ACTED_90}, _WRITTEN_TO]},
    "At risk": {"kind": "and", "parts": [_EVER, {"kind": "not", "part": _ACTED_180}, _WRITTEN_TO]},
    "Fans": {"kind": "engaged", "did": "opened", "last": 5, "at_least": 4},
    "Birthday within 7 days": {"kind": "field", "field": "birthday", "op": "birthday_within", "value": 7.0},
    "Consent to be confirmed": {"kind": "consent", "purpose": "marketing", "state": "lapsed"},
}  # fmt: skip
"""By their English names. Lapsing: acted in the last 180 days, not in the last 90, though 3 campaigns went to them.
At risk: acted once, not in the last 180 days, though 3 campaigns went to them in 90."""
