"""Pictures of a test: what is believed of each version's rate, and by how much the others are ahead of the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from dashboards import charts
from dashboards.charts import Row
from dashboards.words import Words
from sillage.domain.ab_posterior import density
from sillage.domain.ab_verdict import Count

_PLACES = (charts.WAKE, charts.SEA, charts.CORAL, charts.PLUM, charts.AMBER)


def posterior_rows(names: Mapping[int, str], counts: Mapping[int, Count]) -> list[Row]:
    """Rows of `posteriors`: rate (a share of one), density, label, place, is_top (where the curve is named)."""
    rows: list[Row] = []
    for number, (arm, name) in enumerate(names.items()):
        points = density(counts[arm])
        top = max(value for _, value in points)
        named = False
        for rate, value in points:
            is_top = value == top and not named
            named = named or is_top
            rows.append({"rate": rate, "density": value, "label": name, "is_top": is_top,
                         "place": charts.place(_PLACES[number % len(_PLACES)])})  # fmt: skip
    return rows


def posteriors(rows: Sequence[Row], words: Words, *, title: str) -> alt.LayerChart:
    """The chances of each version's rate as curves, named at their tops."""
    base = alt.Chart(alt.NamedData(name=charts.ROWS)).encode(
        x=alt.X("rate:Q", title=title, axis=alt.Axis(format=".1~%", tickCount=6), scale=alt.Scale(zero=False)),
        y=alt.Y("density:Q", title=None, axis=None, stack=None),
        color=charts.colour(),
        detail="label:N",
    )
    areas = base.mark_area(opacity=0.22, line={"strokeWidth": 2.2})
    names = base.transform_filter("datum.is_top").mark_text(dy=-9, fontSize=13, fontWeight=600).encode(text="label:N")
    return charts.layered((areas, names), 180, rows, words)


def lifts(rows: Sequence[Row], words: Words, *, title: str) -> alt.LayerChart:
    """Differences to the first version with their middle 95 %, and a line at nought. Rows: label, lift, low, high
    (shares of one), text.
    """
    base = alt.Chart(alt.NamedData(name=charts.ROWS)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=160, ticks=False, domain=False))
    )
    axis = alt.X("low:Q", title=title, axis=alt.Axis(format="+.1~%", tickCount=5), scale=alt.Scale(padding=24))
    nought = alt.Chart(alt.InlineData(values=[{"at": 0, "place": charts.place(charts.SLATE)}])).mark_rule(
        strokeDash=[5, 4], strokeWidth=1.4
    ).encode(x="at:Q", color=charts.colour())  # fmt: skip
    spans = base.mark_rule(strokeWidth=3, opacity=0.55).encode(x=axis, x2="high:Q", color=charts.colour())
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        x="lift:Q", color=charts.colour(),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("text:N", title=title)],
    )  # fmt: skip
    placed: list[dict[str, Any]] = [{**row, "place": charts.place(charts.WAKE)} for row in rows]
    return charts.layered((nought, spans, points), alt.Step(34), placed, words)
