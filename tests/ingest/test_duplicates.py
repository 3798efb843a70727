"""Which rows of a file are the first of their address, however many came before and wherever those are kept."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.ingest import rows

FRAMES = st.lists(st.lists(st.one_of(st.none(), st.integers(0, 60).map(str)), min_size=1, max_size=25), max_size=12)


@pytest.mark.parametrize("laid_down_from", [1, 8, 10_000])
@given(frames=FRAMES)
def test_each_key_comes_first_once(laid_down_from: int, frames: list[list[str | None]]) -> None:
    """As a set of all keys says it, with runs of hashes in memory, in files, and in both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "LAID_DOWN_FROM", laid_down_from)
        seen, known = rows._Seen(), set[str]()
        for frame in frames:
            keys = pl.Series(frame, dtype=pl.String)
            is_first = seen.first(keys)
            expected = []
            for key in frame:
                expected.append(key is None or key not in known)
                known |= set() if key is None else {key}
            assert is_first.to_list() == expected
            seen.add(keys.filter(is_first))
