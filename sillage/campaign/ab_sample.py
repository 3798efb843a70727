"""Who is in a test of versions: drawn by chance, the same however often it is drawn, each version exactly as many."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from sillage.domain.ab_test import AbTest
from sillage.errors import BadInput
from sillage.store.ab_tests import HOLD_OUT, NOBODYS
from sillage.store.campaigns import Campaign, Variant

WRITTEN = {"contact_id": pl.Int64, "variant_id": pl.Int64, "state": pl.String}
"""What a plan that was killed has left: its rows."""
Ranks = np.ndarray[tuple[int], np.dtype[np.uint64]]


def draw(
    people: pl.DataFrame,
    campaign: Campaign,
    variants: list[Variant],
    test: AbTest,
    written: pl.DataFrame,
    secret: str,
) -> pl.DataFrame:
    """People (columns contact_id …) with variant_id, state (due, held, skipped) and reason.

    Everybody has a place by a keyed hash of campaign and contact: it hangs neither on the order of people nor on who
    else is there, and nobody outside can tell it. The first places are held out, the next get the versions, the rest
    is held. `written` (contact_id, variant_id, state) has its parts already, from a plan that was killed: they are
    filled up, not drawn anew, so the numbers stay exact even where the audience has changed between.

    Raises: BadInput where the audience is too small for a size that was asked for.
    """
    size = _size(people, campaign, variants, test, written)
    fresh = people.join(written, on="contact_id", how="anti").select("contact_id")
    ids = fresh["contact_id"].to_numpy().astype(np.uint64)
    order = np.lexsort((ids, _places(ids, int(campaign.id), secret)))
    gone = written.group_by("variant_id", "state").len()
    parts = [(int(NOBODYS), "skipped", test.hold_out), *((int(v.id), "due", size) for v in variants)]
    assigned = np.full(len(ids), int(NOBODYS), dtype=np.int64)
    states = np.full(len(ids), "held", dtype=object)
    start = 0
    for variant, state, wanted in parts:
        have = gone.filter((pl.col("variant_id") == variant) & (pl.col("state") == state))["len"].sum()
        end = start + max(0, wanted - int(have))
        assigned[order[start:end]] = variant
        states[order[start:end]] = state
        start = min(end, len(ids))
    drawn = pl.concat(
        [
            written.select("contact_id", "variant_id", "state"),
            fresh.with_columns(variant_id=pl.Series(assigned), state=pl.Series(list(states), dtype=pl.String)),
        ]
    )
    reason = pl.when(pl.col("state") == "skipped").then(pl.lit(HOLD_OUT))
    return people.join(drawn, on="contact_id", how="left", maintain_order="left").with_columns(reason=reason)


def _size(
    people: pl.DataFrame, campaign: Campaign, variants: list[Variant], test: AbTest, written: pl.DataFrame
) -> int:
    there = pl.concat([people.select("contact_id"), written.select("contact_id")]).n_unique()
    needed = test.size * len(variants) + test.hold_out
    if needed <= there:
        return test.size
    if test.is_exact or test.hold_out >= there:
        raise BadInput(
            f"campaign {campaign.name!r}: its test asks for {len(variants)} x {test.size:,} people and a hold-out of"
            f" {test.hold_out:,}, and the audience has {there:,}; make test.size or test.hold_out smaller",
            code="audience_too_small", field="test.size",
        )  # fmt: skip
    return max(1, (there - test.hold_out) // len(variants))


def _places(ids: Ranks, campaign_id: int, secret: str) -> Ranks:
    """A number for each contact, by chance: splitmix64 (Steele, Lea and Flood, OOPSLA 2014) over a keyed seed."""
    key = hashlib.blake2b(f"ab:{campaign_id}".encode(), key=secret.encode()[:64], digest_size=16).digest()
    first, second = (np.uint64(int.from_bytes(key[at : at + 8], "big")) for at in (0, 8))
    with np.errstate(over="ignore"):
        z = ids * np.uint64(0x9E3779B97F4A7C15) + first
        for _ in range(2):
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = (z ^ (z >> np.uint64(31))) ^ second
    return z
