"""How well and how fast returned mail is read, on real mail with labels, against readers of reports alone.

    python -m bench.bounces [--shared ../shared] [--rounds 5]

The score is that of the scorer beside the labels. Speed is CPU time of one core, median of interleaved rounds: ours,
and the standard library's parser doing nothing but taking the same mails apart, so that a slow machine shows.
"""

from __future__ import annotations

import argparse
import email
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.results import record
from sillage.domain.bounce import parse_report

DEFAULT = Path(os.environ.get("SILLAGE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SCORES = {
    "recipients": "recipient recall (bounces)",
    "class": "class accuracy, accepted set",
    "kind": "kind (bounce/complaint/autoreply/...)",
}


def mails(folder: Path) -> list[tuple[str, bytes]]:
    """The mails of the set, by name."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix not in {".py", ".csv"})
    return [(str(p.relative_to(folder)), p.read_bytes()) for p in found]


def round_of(read: Callable[[bytes], object], raws: list[tuple[str, bytes]]) -> tuple[float, list[tuple[float, str]]]:
    """CPU seconds of one round, and of each mail."""
    each: list[tuple[float, str]] = []
    for name, raw in raws:
        start = time.process_time()
        read(raw)
        each.append((time.process_time() - start, name))
    return sum(seconds for seconds, _name in each), each


def scores(folder: Path, *options: str) -> dict[str, float]:
    """What the scorer says of the command's own output, in percent."""
    command = Path(sys.executable).parent / "sillage"
    lines = subprocess.run([command, "bounce", "explain", "--batch", folder], capture_output=True, check=True).stdout
    out = Path(tempfile.gettempdir()) / f"bounces-{os.getpid()}.jsonl"
    out.write_bytes(lines)
    try:
        told = subprocess.run(
            [sys.executable, folder / "score_bounces.py", "--batch", out, "--quiet", *options],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    finally:
        out.unlink()
    found = {
        name: re.search(rf"^{re.escape(text)}.* = ([\d.]+) %", told, re.MULTILINE) for name, text in SCORES.items()
    }
    crashes = re.search(r"crashes (\d+)", told)
    false = re.search(r"taken for a bounce with an address: (\d+)", told)
    return {
        **{name: float(match[1]) for name, match in found.items() if match},
        "crashes": int(crashes[1]) if crashes else -1,
        "false_alarms": int(false[1]) if false else -1,
    }


def main() -> None:
    """Score, then time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = options.shared / "data" / "bounces"
    raws = mails(folder)
    for _name, raw in raws[:20]:
        parse_report(raw)
    ours: list[float] = []
    plain: list[float] = []
    worst: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        seconds, each = round_of(parse_report, raws)
        ours.append(seconds)
        for one, name in each:
            worst.setdefault(name, []).append(one)
        plain.append(round_of(email.message_from_bytes, raws)[0])
    slowest = max((statistics.median(times), name) for name, times in worst.items())
    record(
        "bounces",
        mails=len(raws),
        **scores(folder),
        line_ends=scores(folder, "--variants"),
        per_second_and_core=round(len(raws) / statistics.median(ours)),
        worst_round_per_second=round(len(raws) / max(ours)),
        slowest_ms=round(slowest[0] * 1e3, 1),
        slowest_ever_ms=round(max(max(times) for times in worst.values()) * 1e3, 1),
        slowest_mail=slowest[1],
        stdlib_parse_alone_per_second=round(len(raws) / statistics.median(plain)),
    )


if __name__ == "__main__":
    main()
