"""Runs the errands that are due: a bounded number at once, those of one mail one after the other."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import OrderedDict

from sendworker.postoffice.browser import Browsers, NoAnswer
from sendworker.postoffice.clock import BusinessClock
from sendworker.postoffice.entries import Done, Errand
from sendworker.postoffice.errands import Case, Channel, Fetch, Mailing, Omission, Step, steps
from sendworker.postoffice.ledger import Ledger
from sendworker.postoffice.letter import read_letter
from sendworker.postoffice.log import Seldom, log
from sendworker.postoffice.model import Nature
from sendworker.postoffice.postman import Postman, Unreachable
from sendworker.postoffice.providers import Mailboxes
from sendworker.postoffice.reports import Delivered

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 0.5
FETCHED_AT_ONCE = 256
LETTERS_KEPT = 512
_TRY_LATER = range(400, 500)


class Doer:
    """Does the steps of one errand."""

    def __init__(
        self, ledger: Ledger, nature: Nature, boxes: Mailboxes, browsers: Browsers, postman: Postman, seed: int
    ) -> None:
        self._ledger, self._nature, self._boxes = ledger, nature, boxes
        self._browsers, self._postman, self._seed = browsers, postman, seed
        self._cases: OrderedDict[int, Case] = OrderedDict()
        self._retries = Seldom()

    async def run(self, errand: Errand, clock: BusinessClock) -> None:
        """Do an errand from where it stands; what got no answer is put off and tried again until it gets one."""
        case = self._case(errand.message)
        todo = [] if case is None else steps(errand.kind, case, self._boxes, self._seed, errand.planned_at)
        done, tries = list[Done](), errand.tries
        for number in range(errand.progress, len(todo)):
            step, repeat = todo[number]
            try:
                done += await self._do(step, repeat, tries, errand.message)
            except (NoAnswer, Unreachable) as exc:
                wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(tries, 10))
                self._retries.log(
                    "postoffice.retry",
                    level="warning",
                    errand=errand.id,
                    kind=errand.kind,
                    tries=tries + 1,
                    wait_s=wait,
                    reason=str(exc),
                )
                await self._ledger.put_off(errand, done, progress=number, tries=tries + 1, due_at=clock.later(wait))
                return
            tries = 0
        await self._ledger.finish(errand, done)

    async def _do(self, step: Step, repeat: int, tries: int, message: int) -> list[Done]:
        match step:
            case Fetch():
                answers = await self._browsers.fetch(step, message)
                return [
                    Done(
                        kind=a.kind,
                        via="page" if step.sends_form else step.via,
                        is_machine=step.is_machine,
                        method=a.method,
                        path=a.path,
                        status=a.status,
                        outcome=a.outcome,
                        location=a.location,
                        repeat=repeat,
                        retries=tries,
                        at=a.at,
                        answered_at=a.answered_at,
                    )
                    for a in answers
                ]
            case Mailing():
                return [await self._mail(step, repeat, tries)]
            case Omission():
                now = time.time()
                return [Done(step.kind, step.via, False, "NONE", "", None, step.reason, None, repeat, tries, now, now)]

    async def _mail(self, step: Mailing, repeat: int, tries: int) -> Done:
        at = time.time()
        reply = await self._postman.hand_over(step.post)
        if reply.code in _TRY_LATER:
            raise Unreachable(str(reply.code))
        outcome = "answered" if reply.is_positive else "refused"
        # The path is the local part's kind alone: an address with a token in it is for the platform, not for a log.
        path = step.post.recipient.partition("@")[0]
        return Done(step.kind, step.via, False, "MAIL", path, reply.code, outcome, None, repeat, tries, at, time.time())

    def _case(self, message: int) -> Case | None:
        if message in self._cases:
            self._cases.move_to_end(message)
            return self._cases[message]
        kept = self._ledger.message(message)
        if kept is None:
            return None
        is_company = self._boxes.provider(kept.recipient) is self._boxes.other
        person = self._nature.of(kept.recipient, is_company=is_company, occasion=kept.campaign or "")
        mail = Delivered(kept.recipient, kept.mail_from, kept.raw, kept.message_id, kept.accepted_at)
        case = Case(mail, read_letter(kept.raw), person)
        self._cases[message] = case
        if len(self._cases) > LETTERS_KEPT:
            self._cases.popitem(last=False)
        return case


class Runner:
    """Keeps the errands of one channel going."""

    def __init__(self, ledger: Ledger, doer: Doer, clock: BusinessClock, channel: Channel, size: int) -> None:
        self._ledger, self._doer, self._clock = ledger, doer, clock
        self._channel, self._size = channel, size
        self._woken = asyncio.Event()
        self._buffer: list[Errand] = []
        self._busy: dict[int, asyncio.Task[None]] = {}
        """By message: the errand that is under way."""
        self._under_way: set[int] = set()
        self._under_way_for_good: set[int] = set()
        self.failed = 0
        self._complaints = Seldom()

    def wake(self) -> None:
        """Something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Run until cancelled; then what is under way is waited for."""
        try:
            while True:
                self._woken.clear()
                self._refill()
                self._start()
                await self._rest()
        finally:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    def _refill(self) -> None:
        if len(self._buffer) >= self._size or len(self._busy) >= self._size:
            return
        fetched = self._ledger.due(
            self._channel, self._clock.now(), FETCHED_AT_ONCE, self._under_way | self._under_way_for_good
        )
        self._buffer += fetched
        self._under_way.update(errand.id for errand in fetched)

    def _start(self) -> None:
        held: list[Errand] = []
        for errand in self._buffer:
            if errand.message in self._busy or len(self._busy) >= self._size:
                held.append(errand)
            else:
                task = asyncio.create_task(self._run(errand))
                task.add_done_callback(_look_at)
                self._busy[errand.message] = task
        self._buffer = held

    async def _run(self, errand: Errand) -> None:
        try:
            await self._doer.run(errand, self._clock)
        except sqlite3.Error as exc:
            # The disk is full, or somebody holds the file: the errand stays in the ledger and is done again.
            self._complaints.log("postoffice.ledger_failed", level="error", errand=errand.id, reason=str(exc))
            await asyncio.sleep(1)
        except Exception as exc:
            # A fault of ours: said, and left pending until the next start instead of tried in a circle.
            log("postoffice.errand_failed", level="error", errand=errand.id, kind=errand.kind, reason=repr(exc))
            self.failed += 1
            self._under_way_for_good.add(errand.id)
            raise
        finally:
            del self._busy[errand.message]
            self._under_way.discard(errand.id)
            self._woken.set()

    async def _rest(self) -> None:
        wait = LOOK_AGAIN_SECONDS
        if not self._buffer and len(self._busy) < self._size:
            due = self._ledger.next_due(self._channel, after=self._clock.now())
            if due is not None:
                wait = min(wait, max(0.001, self._clock.wall_wait(due)))
        try:
            async with asyncio.timeout(wait):
                await self._woken.wait()
        except TimeoutError:
            return


def _look_at(task: asyncio.Task[None]) -> None:
    # What went wrong is in the log already.
    if not task.cancelled():
        task.exception()
