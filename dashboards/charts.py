"""Charts: rows in, an Altair chart out, nothing else. Titles are sentences of the page, not of the chart.

Colours are places in the theme's list (see .streamlit/config.toml), so that light and dark each have their own. Data
is named, so that a live chart is given new rows and not drawn anew. The toolbar of each saves it as PNG, and shows its
rows and saves them as CSV.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from dashboards.words import Words

Row = dict[str, Any]

# Places in the theme's list of colours.
WAKE, SEA, AMBER, CORAL, SLATE, MIST, PLUM = range(7)
_PLACES = ("wake", "sea", "amber", "coral", "slate", "mist", "plum")
ROWS = "rows"
LABEL_SHARE, LABEL_REACH = 0.09, 0.15
"""The height of a line's label and its width, as shares of a chart's height and width."""
_ROW_HEIGHT = 34
_BAR = 18

STATE_PLACES = {
    "accepted": WAKE,
    "waiting": MIST,
    "refused": CORAL,
    "in_doubt": AMBER,
    "suppressed": SLATE,
    "skipped": SEA,
    "failed": PLUM,
}


def balance_bar(rows: Sequence[Row], words: Words) -> alt.Chart:
    """The balance sheet as one bar. Rows: state, label, count; their counts add up to the audience."""
    ordered = [
        {**row, "order": number, "place": _PLACES[STATE_PLACES[row["state"]]]} for number, row in enumerate(rows)
    ]
    chart: alt.Chart = (
        alt.Chart(alt.NamedData(name=ROWS))
        .mark_bar(height=28, cornerRadius=2)
        .encode(
            x=alt.X("count:Q", stack="zero", axis=None, scale=alt.Scale(nice=False)),
            color=colour(),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("label:N", title=words.t("State")),
                alt.Tooltip("count:Q", format=",d", title=words.t("People")),
            ],
        )
        .properties(height=44, **_data(ordered, words))
    )
    return chart


def funnel(rows: Sequence[Row], words: Words) -> alt.LayerChart:
    """Bars one below the other. Rows: label, count, text (the count and its rate, formatted), place."""
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=160, ticks=False, domain=False)),
        x=alt.X(
            "count:Q",
            title=words.t("people"),
            axis=alt.Axis(format=",d", tickCount=4, tickMinStep=1),
            scale=_from_zero(rows, "count", 1.3),
        ),
    )
    bars = base.mark_bar(height=_BAR, cornerRadiusEnd=3).encode(
        color=colour(),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("text:N", title=words.t("People"))],
    )
    texts = base.mark_text(align="left", dx=6, fontSize=13).encode(text="text:N", color=colour("ink"))
    return layered((bars, texts), alt.Step(_ROW_HEIGHT), rows, words)


def curve(rows: Sequence[Row], words: Words, *, unit: str, title: str | None = None) -> alt.LayerChart:
    """Totals over time. Rows: elapsed (in `unit`, a word), total, label, place, is_last.

    `title` is the axis's where time does not begin with a campaign's first message.
    """
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(
        x=alt.X(
            "elapsed:Q",
            title=title or words.t("%(unit)s since the first message left", unit=unit),
            scale=_from_zero(rows, "elapsed", 1.15),
        ),
        y=alt.Y("total:Q", title=words.t("people"), axis=alt.Axis(format=",d", tickCount=5, tickMinStep=1)),
        color=colour(),
        detail="label:N",
    )
    lines = base.mark_line(interpolate="step-after", strokeWidth=2.2).encode(
        tooltip=[
            alt.Tooltip("label:N", title=" "),
            alt.Tooltip("total:Q", format=",d", title=words.t("People")),
            alt.Tooltip("elapsed:Q", format=".1f", title=unit),
        ]
    )
    ends = (
        base.transform_filter("datum.is_last")
        .mark_text(align="left", dx=5, fontSize=13)
        .encode(text="label:N", y=alt.Y("label_at:Q", title=words.t("people")))
    )
    return layered((lines, ends), 260, labels_apart(rows, "total"), words)


def sizes_over_time(rows: Sequence[Row], words: Words) -> alt.LayerChart:
    """Sizes of at most five segments as they were counted. Rows: label, moment, size, in the order of time."""
    labels = list(dict.fromkeys(row["label"] for row in rows))
    last = {row["label"]: row["moment"] for row in rows}
    drawn = [
        {
            "label": row["label"],
            "moment": row["moment"].replace(tzinfo=None).isoformat(timespec="seconds"),
            "size": row["size"],
            "text": f"{row['label']} · {words.number(row['size'])}",
            "place": _PLACES[labels.index(row["label"]) % len(_PLACES)],
            "is_last": row["moment"] == last[row["label"]],
        }
        for row in rows
    ]
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(
        x=alt.X("moment:T", title=None, axis=alt.Axis(format="%d/%m %H:%M", tickCount=5), scale=alt.Scale(padding=24)),
        y=alt.Y("size:Q", title=words.t("contacts"), axis=alt.Axis(format=",d", tickCount=5, tickMinStep=1)),
        color=colour(),
        detail="label:N",
    )
    lines = base.mark_line(interpolate="step-after", strokeWidth=2.2, point=True).encode(
        tooltip=[
            alt.Tooltip("label:N", title=" "),
            alt.Tooltip("size:Q", format=",d", title=words.t("Contacts")),
            alt.Tooltip("moment:T", format="%d/%m/%Y %H:%M", title=" "),
        ]
    )
    ends = base.transform_filter("datum.is_last").mark_text(align="right", dy=-9, fontSize=13).encode(text="text:N")
    return layered((lines, ends), 260, drawn, words)


def ranked(rows: Sequence[Row], words: Words, *, title: str) -> alt.LayerChart:
    """Bars by size. Rows: label, count, text, place."""
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=240, ticks=False, domain=False)),
        x=alt.X(
            "count:Q",
            title=title,
            axis=alt.Axis(format=",d", tickCount=4, tickMinStep=1),
            scale=_from_zero(rows, "count", 1.7),
        ),
    )
    bars = base.mark_bar(height=_BAR, cornerRadiusEnd=3).encode(
        color=colour(),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("text:N", title=title)],
    )
    texts = base.mark_text(align="left", dx=6, fontSize=13).encode(text="text:N", color=colour("ink"))
    return layered((bars, texts), alt.Step(_ROW_HEIGHT), rows, words)


def steps(rows: Sequence[Row], words: Words, *, title: str) -> alt.LayerChart:
    """A distribution over steps in their order, from top to bottom. Rows: label, count, text."""
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=160, ticks=False, domain=False)),
        x=alt.X(
            "count:Q",
            title=title,
            axis=alt.Axis(format=",d", tickCount=4, tickMinStep=1),
            scale=_from_zero(rows, "count", 1.7),
        ),
    )
    bars = base.mark_bar(height=12, cornerRadiusEnd=2).encode(
        color=colour(),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("text:N", title=title)],
    )
    texts = base.mark_text(align="left", dx=6, fontSize=12).encode(text="text:N", color=colour("ink"))
    return layered((bars, texts), alt.Step(20), _in_wake(rows), words)


def intervals(rows: Sequence[Row], words: Words, *, title: str) -> alt.LayerChart:
    """Rates with their 95 % intervals. Rows: label, rate, low, high (shares of one), text."""
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=160, ticks=False, domain=False))
    )
    axis = alt.X("low:Q", title=title, axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(zero=False, padding=24))
    spans = base.mark_rule(strokeWidth=3, opacity=0.55).encode(x=axis, x2="high:Q", color=colour())
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        x="rate:Q", color=colour(), tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("text:N", title=title)]
    )
    return layered((spans, points), alt.Step(_ROW_HEIGHT), _in_wake(rows), words)


def health(rows: Sequence[Row], limits: Sequence[Row], words: Words) -> alt.LayerChart:
    """A rate by day against its thresholds, drawn as lines with their names.

    Rows: day (its label), rate (a share of one, or None), text. Limits: at (a share), label, place.
    """
    days = alt.X(
        "day:O",
        sort=None,
        title=None,
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=12, ticks=False),
    )
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(x=days)
    rate = alt.Y("rate:Q", title=None, axis=alt.Axis(format=".1~%", tickCount=4), scale=alt.Scale(domainMin=0))
    line = base.mark_line(strokeWidth=2.2).encode(y=rate, color=colour())
    points = base.mark_point(filled=True, size=42, opacity=1).encode(
        y=rate,
        color=colour(),
        tooltip=[alt.Tooltip("day:N", title=" "), alt.Tooltip("text:N", title=words.t("Rate"))],
    )
    rules = alt.Chart(alt.InlineData(values=list(limits)))
    drawn = rules.mark_rule(strokeDash=[5, 4], strokeWidth=1.4).encode(y=alt.Y("at:Q"), color=colour())
    names = rules.mark_text(align="left", baseline="bottom", dx=2, dy=-3, fontSize=12).encode(
        y=alt.Y("at:Q"), x=alt.value(0), text="label:N", color=colour()
    )
    return layered((drawn, names, line, points), 170, _in_wake(rows), words)


def against_usual(rows: Sequence[Row], words: Words, *, title: str) -> alt.LayerChart:
    """A rate from campaign to campaign, before the band of what was usual before each.

    Rows, in the order of time: label, moment (aware, of the account's calendar), rate, low and high (shares of one,
    the last two may be None), text.
    """
    drawn = [{**row, "moment": row["moment"].replace(tzinfo=None).isoformat(timespec="seconds")} for row in rows]
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(
        x=alt.X("moment:T", title=None, axis=alt.Axis(format="%d/%m/%Y", tickCount=5), scale=alt.Scale(padding=16))
    )
    rate = alt.Y("rate:Q", title=title, axis=alt.Axis(format=".1~%", tickCount=5), scale=alt.Scale(domainMin=0))
    band = (
        base.transform_filter("datum.low !== null")
        .mark_area(opacity=0.75)
        .encode(y="low:Q", y2="high:Q", color=colour("band"))
    )
    line = base.mark_line(strokeWidth=2.2).encode(y=rate, color=colour())
    points = base.mark_point(filled=True, size=42, opacity=1).encode(
        y=rate, color=colour(), tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("text:N", title=title)]
    )
    banded = [{**row, "band": _PLACES[MIST]} for row in _in_wake(drawn)]
    return layered((band, line, points), 220, banded, words)


def decay(rows: Sequence[Row], words: Words, *, title: str) -> alt.LayerChart:
    """Rates by month since the beginning. Rows: label (of the cohort), elapsed (months), rate, text, place, is_last."""
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(
        x=alt.X(
            "elapsed:Q",
            title=words.t("months since the first message"),
            axis=alt.Axis(format="d", tickMinStep=1),
            scale=_from_zero(rows, "elapsed", 1.2),
        ),
        y=alt.Y("rate:Q", title=title, axis=alt.Axis(format=".1~%", tickCount=5), scale=alt.Scale(domainMin=0)),
        color=colour(),
        detail="label:N",
    )
    lines = base.mark_line(strokeWidth=2.2, point=True).encode(
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("text:N", title=title)]
    )
    ends = (
        base.transform_filter("datum.is_last")
        .mark_text(align="left", dx=7, fontSize=13)
        .encode(text="label:N", y=alt.Y("label_at:Q", title=title))
    )
    return layered((lines, ends), 240, labels_apart(rows, "rate"), words)


def week(rows: Sequence[Row], words: Words) -> alt.LayerChart:
    """Weekdays by hours, the more the darker. Rows: day (its name), hour (0 to 23), count, text."""
    base = alt.Chart(alt.NamedData(name=ROWS)).encode(
        x=alt.X("hour:O", title=words.t("hour"), axis=alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False)),
        y=alt.Y("day:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False)),
    )
    tiles = base.mark_rect(cornerRadius=2).encode(
        color=colour(),
        opacity=alt.Opacity("count:Q", legend=None, scale=alt.Scale(domainMin=0, range=[0.06, 1])),
        tooltip=[
            alt.Tooltip("day:N", title=" "),
            alt.Tooltip("hour:O", title=words.t("hour")),
            alt.Tooltip("text:N", title=words.t("clicks")),
        ],
    )
    return layered((tiles,), alt.Step(26), _in_wake(rows), words)


def place(number: int) -> str:
    """The name of a place in the theme's list of colours, as rows carry it."""
    return _PLACES[number]


def _in_wake(rows: Sequence[Row]) -> list[Row]:
    """All rows in the colour of the main series."""
    return [{**row, "place": _PLACES[WAKE]} for row in rows]


def colour(field: str = "place") -> alt.Color:
    """The colour of a row by its place in the theme's list."""
    # A domain without a range: the theme's colours are taken in this order. Series are named on the line or the bar.
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=list(_PLACES)), legend=None)


def _from_zero(rows: Sequence[Row], field: str, room: float) -> alt.Scale:
    """From nought to a round number, with room for the words at the end of the longest bar or line.

    Round, so that the chart stands still while its rows move.
    """
    top = max((float(row[field]) for row in rows), default=0.0) * room
    step = 10.0 ** math.floor(math.log10(top)) if top > 0 else 1.0
    return alt.Scale(domainMin=0, domainMax=math.ceil(top / step * 4) * step / 4 or 1.0, nice=False)


def labels_apart(rows: Sequence[Row], field: str) -> list[Row]:
    """The rows, those of line ends with `label_at`: where the word stands, by its line's end but on no other word.

    Words of ends that are far from each other along the chart do not meet.
    """
    ends = sorted((number for number, row in enumerate(rows) if row["is_last"]), key=lambda n: float(rows[n][field]))
    line_height = max((float(row[field]) for row in rows), default=0.0) * LABEL_SHARE
    reach = max((float(row["elapsed"]) for row in rows), default=0.0) * LABEL_REACH
    placed: dict[int, float] = {}
    for number in ends:
        beside = [at for n, at in placed.items() if abs(rows[n]["elapsed"] - rows[number]["elapsed"]) <= reach]
        placed[number] = max([float(rows[number][field]), *(at + line_height for at in beside)])
    return [{**row, "label_at": placed[n]} if n in placed else row for n, row in enumerate(rows)]


class _Layers(alt.LayerChart):
    """Layers that are not held against Vega-Lite's schema each time they are drawn: the tests do that.

    Of a report's own half second, seven tenths went into asking each row's each value whether it is a number.
    """

    def to_dict(self, validate: bool = False, **options: Any) -> dict[str, Any]:
        if validate:
            return dict(super().to_dict(validate=True, **options))
        bare = self.copy(deep=False)
        named, bare["datasets"] = bare["datasets"], alt.Undefined
        spec: dict[str, Any] = super(_Layers, bare).to_dict(validate=False, **options)
        # A layer may have brought rows of its own, such as the lines of thresholds.
        return {**spec, "datasets": {**named, **spec.get("datasets", {})}}


def layered(layers: Sequence[alt.Chart], height: Any, rows: Sequence[Row], words: Words) -> alt.LayerChart:
    """Layers over one set of rows, named ROWS, with the menu and the numbers of the page's language."""
    return _Layers(layer=list(layers), height=height, **_data(rows, words))


def _data(rows: Sequence[Row], words: Words) -> dict[str, Any]:
    decimal, thousands = words.separators
    number = {"decimal": decimal, "thousands": thousands, "grouping": [3], "currency": ["", "€"], "percent": "\u00a0%"}
    # Saving is ours; sending the rows to somebody's editor is not.
    actions = {"export": True, "source": False, "compiled": False, "editor": False}
    return {
        # Words beside bars need a colour of the theme too: its slate can be read on both grounds.
        "datasets": {ROWS: [{**row, "ink": _PLACES[SLATE]} for row in rows]},
        "config": {"locale": {"number": number}},
        "usermeta": {"embedOptions": {"actions": actions}},
    }
