"""How well the anti-spam test tells spam from newsletters, on real mails of both kinds.

    python -m bench.spam [--folder ../shared/data/spam]

None of its rules was learnt from these mails. AUC is the share of pairs (a spam, a newsletter) in which the spam has
the higher score, ties by half: 0.5 is chance, 1 is perfect.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import time
from pathlib import Path

from bench.results import record
from sillage.content.letter import read_letter
from sillage.content.spam import SPAM, score


def main() -> None:
    """Score every mail of the folder and record what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("SILLAGE_SHARED", "../shared"))
    parser.add_argument("--folder", type=Path, default=shared / "data" / "spam")
    folder: Path = parser.parse_args().folder
    scores: dict[str, list[float]] = {"spam": [], "ham": []}
    took: list[float] = []
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            raw = (folder / row["file"]).read_bytes()
            started = time.perf_counter()
            scores[row["label"]].append(score(read_letter(raw)).score)
            took.append(time.perf_counter() - started)
    record("spam", **figures(scores["spam"], scores["ham"]), median_ms=round(1000 * statistics.median(took), 2))


def figures(spam: list[float], ham: list[float]) -> dict[str, float]:
    """AUC and the shares that score as spam."""
    pairs = sum((s > h) + 0.5 * (s == h) for s in spam for h in ham)
    return {
        "auc": round(pairs / (len(spam) * len(ham)), 4),
        "spam_found": round(sum(s >= SPAM for s in spam) / len(spam), 4),
        "newsletters_lost": round(sum(h >= SPAM for h in ham) / len(ham), 4),
        "spam_mails": len(spam),
        "newsletters": len(ham),
    }


if __name__ == "__main__":
    main()
