"""What only several requests together show: a machine that follows many links, or many people's, at once.

A watch takes requests as they come and says whose verdict changes, so that the live judge and the judge of a whole
file are the same code. Evidence only ever adds to evidence, and every group is judged anew as a whole when it grows:
the final verdicts are those of the set, in whatever order it came.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from sillage.domain.judge import NO_SIGN, Act, BurstRule, Over, Rules, Signal, Verdict, judge


@dataclass(frozen=True, slots=True)
class Deed:
    """One open or click. `at` and `accepted_at` are seconds since 1970; `said` is the verdict that it came with.

    `network` is an address cut to /24 or /48. Without network or agent there is no visitor to compare with others.
    """

    id: Hashable
    act: Act
    message: Hashable
    at: float
    link: Hashable = None
    network: str = ""
    agent: str = ""
    said: Verdict | None = None
    method: str = "GET"
    purpose: str = ""


@dataclass(slots=True)
class _Watched:
    """A deed with what is held against it, and the verdict that was told last."""

    deed: Deed
    told: Verdict
    came: float
    alone: Verdict
    marks: dict[str, int | None] = field(default_factory=dict)
    """By kind of group, the first burst rule (its place in the list) that holds there."""
    in_company: bool = False

    @property
    def burst(self) -> int | None:
        found = [mark for mark in self.marks.values() if mark is not None]
        return min(found) if found else None


class Watch:
    """Requests of the last minutes, and what they show together. Not for several threads."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        # Of a deed that came with its verdict, only what was not known then is judged here: how soon it came.
        self._by_delay = Rules(rules.version, tuple(rule for rule in rules.rules if rule.delay is not None))
        self._marking = {rule.id for rule in rules.rules if rule.marks_visitor}
        self._of: dict[str, list[tuple[int, BurstRule]]] = {"message": [], "visitor": [], "network": []}
        for place, rule in enumerate(rules.bursts):
            if rule.over is Over.LINKS:
                self._of["message"].append((place, rule))
            else:
                self._of["network" if rule.any_agent else "visitor"].append((place, rule))
        self._messages: dict[Hashable, list[_Watched]] = {}
        self._visitors: dict[Hashable, list[_Watched]] = {}
        self._networks: dict[Hashable, list[_Watched]] = {}
        self._accepted: dict[Hashable, float] = {}
        self._accepted_came: deque[tuple[float, Hashable]] = deque()
        self._held: deque[_Watched] = deque()
        self._suspects: set[Hashable] = set()
        """Visitors of whom something is known: the company of all others need not be looked at."""
        self._soonest = max((rule.delay[1] for rule in self._by_delay.rules if rule.delay), default=0.0)

    def __len__(self) -> int:
        return len(self._held)

    def take(
        self, deeds: Iterable[Deed], accepted: Iterable[tuple[Hashable, float]] = (), *, now: float = 0.0
    ) -> list[tuple[Deed, Verdict]]:
        """Take what came, with the moments at which messages were accepted; the deeds whose verdict is another now.

        A deed that came with a verdict (`said`) is told only where it changes; one without, always.
        `now` is the clock by which `forget` forgets.
        """
        touched: dict[int, _Watched] = {}
        told: list[tuple[Deed, Verdict]] = []
        for message, at in accepted:
            if message not in self._accepted:
                self._accepted_came.append((now, message))
            self._accepted[message] = at
            touched.update((id(held), held) for held in self._messages.get(message, ()))
        for deed in deeds:
            verdict = deed.said if deed.said is not None else self._alone(deed)
            if deed.said is None:
                told.append((deed, verdict))
            if not self._is_watched(deed, verdict):
                continue
            held = _Watched(deed, verdict, now, verdict)
            self._held.append(held)
            self._messages.setdefault(deed.message, []).append(held)
            if deed.network and deed.agent:
                self._visitors.setdefault((deed.network, deed.agent), []).append(held)
                self._networks.setdefault(deed.network, []).append(held)
            touched[id(held)] = held
        changed = self._judge_anew(list(touched.values()))
        if not changed:
            return told
        last = {deed.id: (deed, verdict) for deed, verdict in told}
        last.update((deed.id, (deed, verdict)) for deed, verdict in changed)
        return list(last.values())

    def forget(self, before: float, *, at_most: int) -> None:
        """Let go of what came before that moment, and of the oldest beyond so many."""
        gone: list[_Watched] = []
        while self._held and (self._held[0].came < before or len(self._held) > at_most):
            gone.append(self._held.popleft())
        dead = {id(held) for held in gone}
        for held in gone:
            deed = held.deed
            groups = ((self._messages, deed.message), (self._visitors, (deed.network, deed.agent)))
            for group, key in (*groups, (self._networks, deed.network)):
                if key in group:
                    group[key] = [other for other in group[key] if id(other) not in dead]
                    if not group[key]:
                        del group[key]
                        self._suspects.discard(key)
        while self._accepted_came and (self._accepted_came[0][0] < before or len(self._accepted_came) > at_most):
            self._accepted.pop(self._accepted_came.popleft()[1], None)

    def _alone(self, deed: Deed) -> Verdict:
        """The verdict on a deed by itself."""
        signal = Signal(deed.act, deed.method, deed.agent, deed.network, deed.purpose, self._delay(deed))
        return judge(signal, self._rules)

    def _delay(self, deed: Deed) -> float | None:
        accepted = self._accepted.get(deed.message)
        return None if accepted is None else deed.at - accepted

    def _is_watched(self, deed: Deed, verdict: Verdict) -> bool:
        """Clicks, and the opens that may still turn out a machine's or tell of one. A mailbox's own proxy may not."""
        if not verdict.is_machine and verdict.rule != NO_SIGN:
            return False
        return deed.act is Act.CLICK or verdict.rule == NO_SIGN or verdict.rule in self._marking

    def _judge_anew(self, touched: Sequence[_Watched]) -> list[tuple[Deed, Verdict]]:
        """Judge the groups of these, and then the company that they keep."""
        dirty = {id(held): held for held in touched}
        seen: set[tuple[str, Hashable]] = set()
        for held in touched:
            held.alone = self._static(held.deed)
            if held.alone.rule in self._marking:
                self._suspects.add((held.deed.network, held.deed.agent))
        for held in touched:
            deed = held.deed
            if self._may_mark(deed, self._of["message"]):
                self._mark("message", deed.message, self._messages, seen, dirty)
            if deed.network and deed.agent:
                if self._may_mark(deed, self._of["visitor"]):
                    self._mark("visitor", (deed.network, deed.agent), self._visitors, seen, dirty)
                if self._may_mark(deed, self._of["network"]):
                    self._mark("network", deed.network, self._networks, seen, dirty)
        self._keep_company(dirty)
        changed = []
        for held in dirty.values():
            verdict = self._verdict(held)
            if verdict != held.told:
                held.told = verdict
                changed.append((held.deed, verdict))
        return changed

    def _may_mark(self, deed: Deed, rules: Iterable[tuple[int, BurstRule]]) -> bool:
        """Whether this deed can be part of a burst at all: most opens can't, and cost nothing more."""
        return any(deed.act in rule.acts and self._is_soon(deed, rule.soon_s) for _, rule in rules)

    def _mark(
        self,
        kind: str,
        key: Hashable,
        groups: dict[Hashable, list[_Watched]],
        seen: set[tuple[str, Hashable]],
        dirty: dict[int, _Watched],
    ) -> None:
        if (kind, key) in seen:
            return
        seen.add((kind, key))
        group = sorted(groups.get(key, ()), key=lambda held: held.deed.at)
        marks: dict[int, int] = {}
        for place, rule in self._of[kind]:
            for held in self._in_burst(group, rule):
                marks.setdefault(id(held), place)
        for held in group:
            mark = marks.get(id(held))
            if held.marks.get(kind) != mark:
                held.marks[kind] = mark
                dirty[id(held)] = held
                self._suspects.add((held.deed.network, held.deed.agent))

    def _in_burst(self, group: Sequence[_Watched], rule: BurstRule) -> list[_Watched]:
        """Those of a group (in order of time) that lie in a stretch with enough distinct things."""
        fitting = [held for held in group if held.deed.act in rule.acts and self._is_soon(held.deed, rule.soon_s)]
        if len(fitting) < rule.count:
            return []
        found: list[_Watched] = []
        things: Counter[Hashable] = Counter()
        start = marked = 0
        for end, held in enumerate(fitting):
            things[_thing(held.deed, rule.over)] += 1
            while held.deed.at - fitting[start].deed.at > rule.within_s:
                gone = _thing(fitting[start].deed, rule.over)
                things[gone] -= 1
                if not things[gone]:
                    del things[gone]
                start += 1
            if len(things) >= rule.count:
                marked = max(marked, start)
                found.extend(fitting[marked : end + 1])
                marked = end + 1
        return found

    def _is_soon(self, deed: Deed, soon_s: float | None) -> bool:
        if soon_s is None:
            return True
        delay = self._delay(deed)
        return delay is not None and delay <= soon_s

    def _keep_company(self, dirty: dict[int, _Watched]) -> None:
        """Who did one thing as a machine did the rest of that moment as well."""
        rule = self._rules.company
        if rule is None:
            return
        for visitor in {(held.deed.network, held.deed.agent) for held in dirty.values()} & self._suspects:
            group = self._visitors.get(visitor, ())
            sure: list[float] = []
            sure_of: dict[Hashable, list[float]] = {}
            for held in group:
                if held.burst is not None or held.alone.rule in self._marking:
                    sure.append(held.deed.at)
                    sure_of.setdefault(held.deed.message, []).append(held.deed.at)
            for moments in (sure, *sure_of.values()):
                moments.sort()
            for held in group:
                deed = held.deed
                is_in = _is_near(deed.at, sure_of.get(deed.message, ()), rule.within_s) or (
                    _is_near(deed.at, sure, rule.within_s) and self._is_soon(deed, rule.soon_s)
                )
                if is_in != held.in_company:
                    held.in_company = is_in
                    dirty[id(held)] = held

    def _static(self, deed: Deed) -> Verdict:
        """What the deed shows by itself, now that perhaps more is known of its message."""
        if deed.said is None:
            return self._alone(deed)
        if deed.said.rule != NO_SIGN:
            return deed.said
        delay = self._delay(deed)
        if delay is None or delay >= self._soonest:
            return deed.said
        found = judge(Signal(deed.act, delay=delay), self._by_delay)
        return deed.said if found.rule == NO_SIGN else found

    def _verdict(self, held: _Watched) -> Verdict:
        version = self._rules.version
        if held.alone.rule != NO_SIGN:
            return held.alone
        if held.burst is not None:
            return Verdict(is_machine=True, rule=self._rules.bursts[held.burst].id, version=version)
        if held.in_company and self._rules.company is not None:
            return Verdict(is_machine=True, rule=self._rules.company.id, version=version)
        return held.alone


def _is_near(at: float, moments: Sequence[float], within_s: float) -> bool:
    """Whether one of these moments (in order) lies so close."""
    place = bisect_left(moments, at - within_s)
    return place < len(moments) and moments[place] <= at + within_s


def _thing(deed: Deed, over: Over) -> Hashable:
    return deed.link if over is Over.LINKS else deed.message


def judge_all(deeds: Sequence[Deed], accepted: Iterable[tuple[Hashable, float]], rules: Rules) -> list[Verdict]:
    """The final verdicts on a batch, in its order. Ids must differ."""
    told = {deed.id: verdict for deed, verdict in Watch(rules).take(deeds, accepted)}
    return [told[deed.id] for deed in deeds]
