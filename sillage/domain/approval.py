"""Approval by a second person: who may give it, and of what exactly it is. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from enum import StrEnum
from typing import Any


class ApprovalState(StrEnum):
    """What became of a request for approval."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"


def fingerprint(facts: Any) -> str:
    """A short text that is another one as soon as anything in `facts` (plain data) is."""
    told = json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def fault_of_decider(decider: int, *, authors: Collection[int | None], members: Collection[int]) -> str | None:
    """Why somebody may not decide on a campaign; None where they may. Four eyes are two people's."""
    if decider not in members:
        return "who approves must be a member of the account"
    if decider in authors:
        return "nobody approves what they made or asked for: let another member look at it"
    return None
