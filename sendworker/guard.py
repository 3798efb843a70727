"""The guard as a process of its own: it stops campaigns that pass a critical line, tells of it, and ends tests.

python -m sendworker.guard
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import structlog

from sendworker.notifier import Notifier
from sendworker.report_mailer import ReportMailer
from sendworker.trial_mailer import TrialMailer
from sillage.alarm.guard import Guard
from sillage.alarm.standing import Standing
from sillage.campaign.ab_decide import decide_all
from sillage.domain.campaign import CampaignState as S
from sillage.errors import NotFound, SillageError
from sillage.lake import catalog
from sillage.lake.build import PROJECT_MARK, build_marts
from sillage.lake.foundation import lay_foundation
from sillage.lake.reader import Reader
from sillage.log import configure
from sillage.settings import Settings
from sillage.store import campaigns
from sillage.store.database import Store
from sillage.store.migrate import upgrade

BEAT_S = 1.0
STANDING_S = 15.0
TELL_S = 1.0
REPORTS_S = 5.0
TESTS_S = 20.0
"""A test of versions has a look each hour: sooner than so there is nothing new to find."""
WAIT_AFTER_ERROR_S = 1.0
RESTS = 9.0
LONGEST_REST_S = 2.0
"""A look that takes long is followed by a rest nine times as long, so that looking takes a tenth of a core; never by
more than this, so that a campaign stops within five seconds all the same."""

log = structlog.get_logger()


def run(settings: Settings, store: Store, stop: threading.Event) -> None:
    """Look each second until told to stop; alerts are told beside it, so that a slow server holds up no guard."""
    reader = Reader(settings, threads=1)
    notifier = Notifier(settings, store)
    mailer = ReportMailer(settings, store, reader)
    trial_mailer = TrialMailer(settings, store)
    standing = Standing(settings, store, reader)
    others = [
        threading.Thread(target=_beat, args=("notifier", notifier.tell, TELL_S, stop), daemon=True),
        threading.Thread(target=_beat, args=("test mails", trial_mailer.tell, TELL_S, stop), daemon=True),
        threading.Thread(target=_beat, args=("reports", mailer.tell, REPORTS_S, stop), daemon=True),
        threading.Thread(
            target=_beat, args=("tests", partial(decide_all, store, settings, reader), TESTS_S, stop), daemon=True
        ),
        threading.Thread(target=_beat, args=("standing", standing.look, STANDING_S, stop), daemon=True),
    ]
    for thread in others:
        thread.start()
    guard = Guard(settings, store, reader)

    def look() -> None:
        if _is_blind(settings, store):
            # Without a first build there are no views to look at: nothing that leaves would be watched.
            log.info("guard.builds_marts")
            build_marts(settings)
        guard.look()

    _beat("guard", look, BEAT_S, stop)
    for thread in others:
        thread.join(timeout=5.0)
    reader.close()


def _is_blind(settings: Settings, store: Store) -> bool:
    if catalog.exists(settings.marts_dir) and (settings.marts_dir / PROJECT_MARK).exists():
        return False
    with store.read() as conn:
        return bool(campaigns.due(conn, states=(S.SENDING, S.WAITING), before=settings.clock.now()))


def _beat(name: str, act: Callable[[], object], every_s: float, stop: threading.Event) -> None:
    quiet_until = 0.0
    while not stop.is_set():
        started = time.monotonic()
        try:
            act()
        except NotFound:
            pass  # nothing is built yet: there is nothing to look at
        except SillageError as exc:
            if time.monotonic() >= quiet_until:
                log.warning("guard.waiting", part=name, why=str(exc)[:300])
                quiet_until = time.monotonic() + 30.0
            stop.wait(WAIT_AFTER_ERROR_S)
        took = time.monotonic() - started
        stop.wait(max(0.0, every_s - took, min(LONGEST_REST_S, RESTS * took)))


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    configure("guard")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = Settings.load()
        store = Store(settings.database_url)
        upgrade(store)
        lay_foundation(settings)
        log.info("guard.started")
        run(settings, store, stop)
        store.close()
    except SillageError as exc:
        log.error("guard.refused", error=str(exc))  # noqa: TRY400  # one line says it
        return 1
    log.info("guard.stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
