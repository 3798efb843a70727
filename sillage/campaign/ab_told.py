"""A test of versions as plain data and as lines of text: counts at equal age, beliefs, verdict, how it ended."""

from __future__ import annotations

from typing import Any

from sillage.campaign.ab_decide import Watched
from sillage.domain.ab_posterior import beliefs

_SAID = {
    "waiting": "too early to say: too few people, reactions or hours",
    "open": "nobody is ahead beyond chance so far",
    "inconclusive": "nobody is ahead beyond chance, and the hours are over",
}


def as_data(seen: Watched) -> dict[str, Any]:
    """A test as plain data."""
    test, decision = seen.kept.test, seen.kept.decision
    names = {int(v.id): v.name for v in seen.variants}
    believed = beliefs({int(v.id): seen.counts[int(v.id)] for v in seen.variants}, criterion=test.criterion)
    return {
        "campaign": seen.campaign.name,
        "as_of": seen.as_of.isoformat(),
        "criterion": test.criterion.value,
        "decide": test.decide.value,
        "otherwise": test.otherwise.value,
        "size": test.size,
        "hold_out": test.hold_out,
        "hours": test.hours,
        "age_hours": seen.age,
        "held": seen.held,
        "variants": [
            {
                "name": names[arm],
                "people": count.people,
                "reacted": count.reacted,
                "rate": count.rate,
                "low": believed[arm].low,
                "high": believed[arm].high,
                "best": believed[arm].best,
                "lift": believed[arm].lift,
                "lift_low": believed[arm].lift_low,
                "lift_high": believed[arm].lift_high,
            }
            for arm, count in ((int(v.id), seen.counts[int(v.id)]) for v in seen.variants)
        ],
        "verdict": {
            "standing": seen.verdict.standing.value,
            "winner": names.get(seen.verdict.winner or 0),
            "age_hours": seen.verdict.age,
            "z": seen.verdict.z,
            "line": seen.verdict.line,
        },
        "decision": None
        if decision is None
        else {
            "how": decision.how.value,
            "winner": names.get(int(decision.winner or 0)),
            "at": decision.at.isoformat(),
            "by": decision.by,
        },
    }


def as_text(told: dict[str, Any]) -> str:
    """The same for people to read."""
    lines = [
        f"{told['campaign']}: {told['criterion']}, {told['age_hours']} of {told['hours']} hours, as of {told['as_of']}"
    ]
    for row in told["variants"]:
        rate = "-" if row["rate"] is None else f"{row['rate']:.2%}"
        lift = (
            "" if row["lift"] is None else f", {row['lift']:+.2%} ({row['lift_low']:+.2%} to {row['lift_high']:+.2%})"
        )
        lines.append(
            f"  {row['name']}: {row['reacted']:,} of {row['people']:,}, {rate}"
            f" ({row['low']:.2%} to {row['high']:.2%}){lift}; the best with a chance of {row['best']:.0%}"
        )
    verdict, decision = told["verdict"], told["decision"]
    if verdict["winner"] is not None:
        lines.append(f"{verdict['winner']} is ahead beyond chance, since an age of {verdict['age_hours']} hours")
    else:
        lines.append(_SAID[verdict["standing"]])
    if decision is not None:
        lines.append(f"ended {decision['at']} ({decision['how']}): {decision['winner'] or 'nobody'} for the rest")
    return "\n".join(lines)
