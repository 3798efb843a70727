"""Small plots for the metadata of a run, as PNG inside Markdown: nothing is fetched to show them."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import dagster as dg
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num
from matplotlib.figure import Figure

_BLUE = "#2f6f9f"
MAX_LINES = 8
"""More lines than that can't be told apart: the largest are drawn."""


def bars(title: str, counts: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """One bar for each count, in the order given, with its number beside it."""
    figure = Figure(figsize=(6, 0.9 + 0.35 * max(len(counts), 1)), layout="constrained")
    axes = figure.subplots()
    drawn = axes.barh(list(counts), list(counts.values()), color=_BLUE)
    axes.bar_label(drawn, labels=[f"{n:,}" for n in counts.values()], padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return _image(figure, title)


def lines(title: str, series: Mapping[str, Sequence[tuple[datetime, int]]]) -> dg.MarkdownMetadataValue:
    """One line for each series over time; of many, those that end highest."""
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    drawn = sorted((s for s in series.items() if s[1]), key=lambda s: s[1][-1][1], reverse=True)[:MAX_LINES]
    for name, points in drawn:
        axes.plot(_days(at for at, _ in points), [n for _, n in points], marker="o", markersize=3, label=name)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    if drawn:
        axes.legend(frameon=False, fontsize="small")
        axes.xaxis_date()
        figure.autofmt_xdate()
    return _image(figure, title)


def _image(figure: Figure, title: str) -> dg.MarkdownMetadataValue:
    figure.suptitle(title)
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png)  # type: ignore[no-untyped-call]  # matplotlib gives it no types
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})")


def _days(moments: Iterable[datetime]) -> list[float]:
    return [float(date2num(at)) for at in moments]  # type: ignore[no-untyped-call]  # matplotlib gives it no types
