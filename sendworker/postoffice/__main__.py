"""`python -m sendworker.postoffice`: open the post office, or print the report of a ledger."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import ipaddress
import json
import signal
import sqlite3
import sys
from pathlib import Path

import uvloop

from sendworker.postoffice.clock import BadClock, BusinessClock
from sendworker.postoffice.ledger import open_to_read
from sendworker.postoffice.log import log
from sendworker.postoffice.office import Plan, PostOffice, say_how_it_goes
from sendworker.postoffice.people import BadPeople, People, Stage, read_people
from sendworker.postoffice.providers import mailboxes
from sendworker.postoffice.report import figures
from sendworker.postoffice.server import Rules

BAD_INPUT = 2
FAILED = 1
MAX_PORT = 65_535

EXAMPLE = """example:
  python -m sendworker.postoffice --port 8426 --control-port 8427 --people people.csv \\
    --bounces-to 127.0.0.1:8425 --ledger data/run/postoffice.sqlite --seed 7
  python -m sendworker.postoffice report --ledger data/run/postoffice.sqlite --people people.csv
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 1 (failed) or 2 (bad input)."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if words[:1] == ["report"]:
            return _report(_report_parser().parse_args(words[1:]))
        plan = _plan(_serve_parser().parse_args(words))
    except (BadPeople, BadClock, FileNotFoundError) as exc:
        sys.stderr.write(f"{exc}\n")
        return BAD_INPUT
    _spare_imports()
    try:
        uvloop.run(_serve(plan))
    except (OSError, sqlite3.Error) as exc:
        log("postoffice.failed", level="error", reason=str(exc))
        return FAILED
    return 0


def _spare_imports() -> None:
    # httpcore asks for sniffio at each lock; where it is not installed the search of all paths takes a tenth of the
    # time of a request. None says at once that there is none.
    if importlib.util.find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]  # import's own way to mark an absent module


async def _serve(plan: Plan) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with PostOffice(plan) as office:
        telling = asyncio.create_task(say_how_it_goes(office))
        await stopped.wait()
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


def _report(options: argparse.Namespace) -> int:
    people = read_people(options.people) if options.people else People({})
    with contextlib.closing(open_to_read(options.ledger)) as conn:
        try:
            found = figures(conn, people, mailboxes())
        except sqlite3.DatabaseError as exc:
            sys.stderr.write(f"{options.ledger}: not a ledger: {exc}\n")
            return BAD_INPUT
    json.dump(found, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        ledger=options.ledger,
        people=read_people(options.people) if options.people else People({}),
        host=options.host,
        port=options.port,
        control_port=options.control_port,
        bounces_to=options.bounces_to,
        clock=BusinessClock.parse(options.clock),
        rules=Rules(
            refuse_at=Stage.DATA if options.refuse_at == "data" else Stage.SESSION,
            greylist_seconds=options.greylist,
            seed=options.seed,
            delay_scale=options.delay_scale,
            quickest=options.quickest,
        ),
        is_modelled=options.model == "seed",
        web_at_once=options.at_once,
    )


def _serve_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sendworker.postoffice",
        description="Mailbox providers on loopback, with people in them.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", type=_loopback, default="127.0.0.1", help="loopback address to listen on")
    add("--port", type=_port, default=8426, help="SMTP; 0 takes a free one")
    add("--control-port", type=_port, default=8427, help="JSON over HTTP; 0 takes a free one")
    add("--people", type=Path, help="CSV that says what each person does")
    add(
        "--bounces-to",
        type=_endpoint,
        default=("127.0.0.1", 8425),
        metavar="HOST:PORT",
        help="the mail server for reports",
    )
    add("--ledger", type=Path, required=True, help="SQLite file; one that exists is gone on with")
    add("--seed", type=int, default=0, help="names the run: same seed, same people")
    add("--clock", default="", metavar="ORIGIN@WALL*SPEED", help="business time; empty: wall time")
    add("--model", choices=("none", "seed"), default="none", help="what people do where the file does not say")
    add("--delay-scale", type=_share, default=1.0, metavar="0..1", help="shortens all delays; 0: at once")
    add("--quickest", type=float, default=0.0, metavar="S", help="business seconds before any person acts")
    add(
        "--refuse-at",
        choices=("data", "rcpt"),
        default="data",
        help="when `session:` bounces and deferrals are answered",
    )
    add("--greylist", type=_seconds, default=0.0, metavar="SECONDS", help="defer first attempts, in business time")
    add("--at-once", type=_many, default=64, metavar="N", help="HTTP acts at once")
    return parser


def _report_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sendworker.postoffice report",
        description="Print what a ledger says as JSON.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--people", type=Path, help="the people file of the run: who agreed to tracking")
    return parser


def _loopback(text: str) -> str:
    try:
        if ipaddress.ip_address(text).is_loopback:
            return text
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no loopback address; nothing leaves the machine")


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= MAX_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port")


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return _loopback(host.strip("[]")), _port(port)


def _share(text: str) -> float:
    return _number(text, 0.0, 1.0)


def _seconds(text: str) -> float:
    return _number(text, 0.0, 30 * 86_400.0)


def _many(text: str) -> int:
    return int(_number(text, 1.0, 1_000.0))


def _number(text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = least - 1
    if least <= number <= most:
        return number
    raise argparse.ArgumentTypeError(f"{text!r} is not between {least:g} and {most:g}")


if __name__ == "__main__":
    sys.exit(main())
