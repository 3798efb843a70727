"""A report as a PDF, drawn by matplotlib: A4, text that can be selected and searched, charts as lines and not pixels.

Fonts come with matplotlib (DejaVu): Latin, Greek, Cyrillic and Arabic; a sign that it has not is a box.
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sillage.report import lines
from sillage.report.gathered import Gathered
from sillage.report.lines import Line
from sillage.words import Words

WIDTH, HEIGHT = 8.27, 11.69
LEFT, RIGHT, TOP, BOTTOM = 0.08, 0.92, 0.95, 0.06
SEA, WAKE, SLATE, MIST, CORAL = "#0B2545", "#0B7A75", "#5B6B7F", "#B9CDD2", "#C8371B"
_ROW, _LONGEST = 0.0185, 84
# Type 42 keeps letters letters, so that they are found and copied.
_STYLE: dict[Any, Any] = {"pdf.fonttype": 42, "font.family": "DejaVu Sans", "text.parse_math": False, "text.color": SEA,
          "axes.edgecolor": SLATE, "xtick.color": SLATE, "ytick.color": SLATE, "font.size": 8.5}  # fmt: skip
# matplotlib's fonts are not made for threads.
_ONE_AT_A_TIME = threading.Lock()
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
logging.getLogger("fontTools").setLevel(logging.ERROR)


def as_pdf(words: Words, seen: Gathered) -> bytes:
    """The whole report in the reader's language."""
    file = io.BytesIO()
    metadata = {"Title": _line(seen.campaign.name), "Author": _line(seen.account.name), "CreationDate": seen.as_of,
                "Creator": "Sillage"}  # fmt: skip
    with _ONE_AT_A_TIME, mpl.rc_context(_STYLE), warnings.catch_warnings(), PdfPages(file, metadata=metadata) as pages:
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        sheet = _Sheet(words, seen, pages)
        sheet.draw()
        sheet.end()
    return file.getvalue()


class _Sheet:
    """Pages that are filled from top to bottom."""

    def __init__(self, words: Words, seen: Gathered, pages: PdfPages) -> None:
        self._words = words
        self._seen = seen
        self._pages = pages
        self._number = 0
        self._new_page()

    def draw(self) -> None:
        """Everything, in the order of the page."""
        words, seen = self._words, self._seen
        self._figure.text(LEFT, self._at, _line(seen.campaign.name), fontsize=17, fontweight="bold", va="top")
        self._at -= 0.035
        self._say(f"{_line(seen.account.name)} · {words.t('as of %(moment)s', moment=words.second(seen.as_of))}", SLATE)
        self._at -= 0.008
        self._say(lines.sentence(words, seen), SEA, size=11)
        if seen.whole is None:
            return
        self._table(words.t("Everybody is accounted for"), ["", words.t("People")],
                    lines.balance(words, seen.whole))  # fmt: skip
        self._funnel()
        self._table(words.t("Rates"), ["", words.t("Rate"), words.t("People"), "95\u00a0%"],
                    lines.rates(words, seen.whole))  # fmt: skip
        self._curve()
        heads = [words.t(h) for h in ("Link", "Clickers", "of delivered")]
        self._table(words.t("Links by clickers"), heads, lines.links(words, seen))
        if len(seen.names) > 1:
            heads = [words.t(h) for h in ("Variant", "Sent", "Delivered", "Openers", "Clickers")]
            self._table(words.t("Variants"), heads, lines.variants(words, seen))
        heads = [words.t(h) for h in ("Provider", "Sent", "Delivered", "Deferred", "Bounces", "Complaints")]
        self._table(words.t("Mailbox providers"), heads, lines.providers(words, seen))
        heads = [words.t(h) for h in ("Class", "Reason", "Recipients")]
        self._table(words.t("Bounces by class"), heads, lines.bounces(words, seen))

    def end(self) -> None:
        """Put the last page down."""
        self._figure.text(RIGHT, BOTTOM / 2, str(self._number), ha="right", color=SLATE)
        self._pages.savefig(self._figure)  # type: ignore[no-untyped-call]  # matplotlib's own stubs leave it out

    def _new_page(self) -> None:
        if self._number:
            self.end()
        self._number += 1
        self._figure = Figure(figsize=(WIDTH, HEIGHT))
        self._at = TOP

    def _room(self, height: float) -> None:
        if self._at - height < BOTTOM:
            self._new_page()

    def _say(self, text: str, colour: str, *, size: float = 8.5) -> None:
        self._figure.text(LEFT, self._at, _line(text, 110), color=colour, fontsize=size, va="top")
        self._at -= 0.012 + size / 800

    def _head(self, text: str) -> None:
        self._at -= 0.012
        self._figure.text(LEFT, self._at, text, fontsize=11, fontweight="bold", va="top")
        self._at -= 0.026

    def _table(self, title: str, heads: Sequence[str], rows: Sequence[Line]) -> None:
        if not rows:
            return
        self._room(0.04 + _ROW * (min(len(rows), 4) + 1))
        self._head(title)
        self._row(heads, SLATE)
        for row in rows:
            if self._at - _ROW < BOTTOM:
                self._new_page()
            self._row(row, SEA)

    def _row(self, cells: Sequence[str], colour: str) -> None:
        """The first cell to the left, the others to the right of columns of one width."""
        width = 0.115
        first = max(12, int(_LONGEST * (1 - width * (len(cells) - 1) / (RIGHT - LEFT))))
        self._figure.text(LEFT, self._at, _line(cells[0], first), color=colour, va="top")
        for number, cell in enumerate(cells[1:], 2):
            self._figure.text(
                RIGHT - (len(cells) - number) * width, self._at, _line(cell, 18), color=colour, va="top", ha="right"
            )
        self._at -= _ROW
        self._figure.add_artist(
            Line2D([LEFT, RIGHT], [self._at + 0.004] * 2, transform=self._figure.transFigure, color=MIST, linewidth=0.4)
        )

    def _funnel(self) -> None:
        words, row = self._words, self._seen.whole or {}
        height = 0.15
        self._room(height + 0.05)
        self._head(words.t("What became of it"))
        axes = self._figure.add_axes((LEFT + 0.2, self._at - height, RIGHT - LEFT - 0.3, height))
        labels = [words.t(label) for label, _ in lines.STEPS]
        counts = [row[column] for _, column in lines.STEPS]
        colours = [SEA, WAKE, WAKE, WAKE, MIST, MIST]
        bars = axes.barh(range(len(counts)), counts, color=colours, height=0.6)
        axes.bar_label(bars, [words.number(count) for count in counts], padding=4, color=SLATE)
        axes.set_yticks(range(len(counts)), labels)
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.set_xlim(0, max(*counts, 1))
        for side in ("top", "right", "bottom", "left"):
            axes.spines[side].set_visible(False)
        axes.tick_params(length=0)
        self._at -= height + 0.015

    def _curve(self) -> None:
        words, points = self._words, self._seen.curve
        if not points:
            return
        height = 0.17
        self._room(height + 0.07)
        self._head(words.t("Opens and clicks over time"))
        axes = self._figure.add_axes((LEFT + 0.06, self._at - height, RIGHT - LEFT - 0.16, height))
        first = points[0]["minute_at"]
        hours = [(point["minute_at"] - first).total_seconds() / 3600 for point in points]
        for label, column, colour in (("openers", "human_open_count", SEA), ("clickers", "human_click_count", WAKE),
                                      ("bounces", "bounced_count", CORAL)):  # fmt: skip
            totals = list(accumulate(point[column] for point in points))
            axes.step(hours, totals, where="post", color=colour, linewidth=1.5)
            axes.annotate(words.t(label), (hours[-1], totals[-1]), xytext=(4, 0), textcoords="offset points",
                          color=colour, va="center")  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _place: words.number(value))
        axes.xaxis.set_major_formatter(lambda value, _place: words.decimal(value))
        axes.set_xlabel(words.t("%(unit)s since the first message left", unit=words.t("hours")), color=SLATE)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        self._at -= height + 0.05


def _line(text: str, most: int = 70) -> str:
    """Somebody's text on one line that fits."""
    shown = "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
