"""What several requests show together, and the labelled cases of people and machines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.burst import Deed, Watch, judge_all
from sillage.domain.judge import NO_SIGN, Act, Verdict, current_rules

CASES = Path(__file__).parent / "judge_cases.jsonl"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"
RULES = current_rules()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `sillage events judge`."""
    call = [sys.executable, "-c", "from sillage.cli import main; main()", "events", "judge", *arguments]
    return subprocess.run(call, capture_output=True, text=True, check=False)


def click(name: object, at: float, link: int = 1, *, message: object = "m", **fields: Any) -> Deed:
    """A click by a browser at a home."""
    values = {"network": "81.2.3.0", "agent": CHROME, **fields}
    return Deed(id=name, act=Act.CLICK, message=message, at=at, link=link, **values)


def test_labelled_cases_are_judged_as_people_would() -> None:
    """The command finds the machines among the labelled cases: precision and recall of 95 % or more, line by line."""
    expected = [json.loads(line) for line in CASES.read_text().splitlines()]
    done = command(str(CASES))
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["line"] for line in found] == list(range(1, len(expected) + 1))
    assert all(line["rule"] and line["version"] for line in found)
    table = Counter((case["expected"], line["verdict"]) for case, line in zip(expected, found, strict=True))
    wrong = [c["case"] for c, f in zip(expected, found, strict=True) if c["expected"] != f["verdict"]]
    assert len({case["case"] for case in expected}) >= 60
    hits = table["machine", "machine"]
    assert hits / (hits + table["human", "machine"]) >= 0.95, wrong
    assert hits / (hits + table["machine", "human"]) >= 0.95, wrong
    assert table["human", "human"] >= 60


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{broken", "line 2"),
        ('{"event": "open", "at": "yesterday"}', "line 2: at is 'yesterday'"),
        ('{"event": "look", "at": 1}', "line 2"),
        ('{"event": "open"}', "missing required field `at`"),
    ],
)
def test_line_that_is_no_event_is_named(tmp_path: Path, line: str, words: str) -> None:
    """A line that can't be read is one line on standard error, with the file and the line's number."""
    file = tmp_path / "clicks.jsonl"
    file.write_text('{"event": "open", "at": "2026-11-24T10:00:00Z"}\n' + line + "\n")
    done = command(str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "clicks.jsonl" in done.stderr
    assert "Traceback" not in done.stderr


def test_burst_condemns_what_came_before_it() -> None:
    """The first click looks like a person's until the others come: then all of them are told anew."""
    watch = Watch(RULES)
    assert watch.take([click(1, 100.0, 1)]) == [(click(1, 100.0, 1), Verdict(False, NO_SIGN, RULES.version))]
    told = watch.take([click(2, 100.6, 2), click(3, 101.2, 3)])
    assert {deed.id: verdict.rule for deed, verdict in told} == dict.fromkeys((1, 2, 3), "links-in-a-burst")


def test_acceptance_that_is_heard_of_late_still_counts() -> None:
    """A click told before its message's acceptance is judged again when that is known."""
    watch = Watch(RULES)
    watch.take([click(1, 100.0)])
    ((deed, verdict),) = watch.take([], [("m", 99.5)])
    assert (deed.id, verdict.rule) == (1, "click-too-soon")


def test_clock_that_jumps_condemns_nobody() -> None:
    """A click hours before its own message's acceptance is a wrong clock's, and no machine's."""
    assert judge_all([click(1, 0.0)], [("m", 9_000.0)], RULES)[0].is_machine is False


def test_verdict_that_came_with_the_event_is_not_told_again() -> None:
    """What the tracker said stays unsaid here unless it changes."""
    said = Verdict(False, NO_SIGN, RULES.version)
    assert Watch(RULES).take([click(1, 100.0, said=said)]) == []


def test_visitor_without_address_is_compared_with_nobody() -> None:
    """An account that keeps no address and no agent: its people are not taken for one another."""
    deeds = [click(n, 100 + n / 10, message=n, network="", agent=CHROME) for n in range(20)]
    assert not any(verdict.is_machine for verdict in judge_all(deeds, [], RULES))


def test_watch_forgets_and_stays_bounded() -> None:
    """What is old, or more than it may hold, is let go."""
    watch = Watch(RULES)
    watch.take([click(n, float(n), message=n) for n in range(100)], [(n, 1.0) for n in range(100)], now=5.0)
    watch.forget(0.0, at_most=10)
    assert len(watch) == 10
    watch.forget(6.0, at_most=10)
    assert len(watch) == 0
    assert not watch._messages
    assert not watch._visitors
    assert not watch._networks
    assert not watch._accepted


def deeds_strategy() -> st.SearchStrategy[list[Deed]]:
    """Requests crowded enough that bursts happen."""
    one = st.builds(
        dict,
        act=st.sampled_from(list(Act)),
        message=st.integers(0, 4),
        at=st.integers(0, 400).map(lambda tenth: 1_000 + tenth / 10),
        link=st.integers(1, 6),
        network=st.sampled_from(["81.2.3.0", "90.1.1.0", ""]),
        agent=st.sampled_from([CHROME, FIREFOX, "curl/8"]),
        method=st.sampled_from(["GET", "GET", "GET", "HEAD"]),
    )
    return st.lists(one, max_size=40).map(lambda found: [Deed(id=n, **fields) for n, fields in enumerate(found)])


@given(deeds_strategy(), st.dictionaries(st.integers(0, 4), st.floats(990, 1_030)), st.randoms(), st.integers(1, 9))
def test_final_verdicts_do_not_depend_on_the_order(
    deeds: list[Deed], accepted: dict[int, float], chance: Any, cut: int
) -> None:
    """Live, in any order and in pieces of any size, or as a whole: the same verdicts by the same rules."""
    whole = {d.id: v for d, v in zip(deeds, judge_all(deeds, accepted.items(), RULES), strict=True)}
    pieces: list[Any] = [*deeds, *accepted.items()]
    chance.shuffle(pieces)
    watch = Watch(RULES)
    last: dict[Any, Verdict] = {}
    for start in range(0, len(pieces), cut):
        piece = pieces[start : start + cut]
        told = watch.take([p for p in piece if isinstance(p, Deed)], [p for p in piece if not isinstance(p, Deed)])
        last.update((deed.id, verdict) for deed, verdict in told)
    assert last == whole
