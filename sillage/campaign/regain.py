"""People lost by a rule that was wrong: found when the rules have changed, and offered back.

Each bounce that put a contact out is judged again, from what was kept of it: code, status and the server's words. One
whose new class does not deactivate by the account's policy is a person to offer back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from sillage.domain.bounce_policy import Follow
from sillage.domain.bounce_rules import Rule, Verdict
from sillage.domain.ids import AccountId
from sillage.domain.refusal import classify
from sillage.store import bounces
from sillage.store.bounces import Decided


@dataclass(frozen=True, slots=True)
class Regained:
    """A contact who is out for a bounce that means something else now."""

    bounce: Decided
    verdict: Verdict


def find(conn: sa.Connection, account_id: AccountId, rules: tuple[Rule, ...]) -> list[Regained]:
    """The contacts of an account who would not be out by these rules, the last bounce first; nothing is changed."""
    policy = bounces.policy_of(conn, account_id)
    judged = [Regained(bounce, _again(bounce, rules)) for bounce in bounces.decided(conn, account_id)]
    still_out = {one.bounce.contact_id for one in judged if policy.of(one.verdict.bounce_class) is Follow.DEACTIVATE}
    return [one for one in judged if one.bounce.contact_id not in still_out]


def give_back(conn: sa.Connection, account_id: AccountId, found: Sequence[Regained]) -> int:
    """Let these contacts be mailed again, and keep the new verdicts; how many contacts that concerned."""
    for one in found:
        verdict = one.verdict
        bounces.judge_anew(conn, account_id, one.bounce.id, verdict.bounce_class, verdict.reason, verdict.rule)
    return bounces.lift(conn, account_id, {one.bounce.contact_id for one in found})


def _again(bounce: Decided, rules: tuple[Rule, ...]) -> Verdict:
    return classify(bounce.smtp_code, bounce.status, bounce.diagnostic or "", rules=rules)
