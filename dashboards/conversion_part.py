"""What a campaign brought in: conversions and revenue, and the true lift where some were held out."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import figures, freshness, queries
from dashboards.freshness import CALM_S, cached
from dashboards.shell import Desk, as_of
from dashboards.words import NOTHING, Words, plain
from sillage.domain.ids import CampaignId
from sillage.errors import NotFound

Row = dict[str, Any]
_COLUMNS = """converted_count, conversion_count, revenue, revenue_per_recipient, delivered_count, conversion_rate,
    conversion_rate_low, conversion_rate_high"""


@cached(CALM_S, waits=False)
def brought_in(desk: Desk, campaign_id: CampaignId) -> tuple[list[Row], list[Row], list[Row]]:
    """As of the last build: the campaign, its variants, and its hold-out where it has one."""
    where = "where account_id = ? and campaign_id = ?"
    asked = (
        f"select {_COLUMNS} from marts.fct_campaign_performance {where}",
        f"select variant_id, {_COLUMNS} from marts.fct_variant_performance {where} and variant_id > 0 order by 1",
        f"select * from marts.fct_hold_out {where}",
    )
    try:
        whole, variants, held_out = (desk.reader.query_marts(sql, [desk.account_id, campaign_id]) for sql in asked)
    except NotFound:
        return [], [], []
    return whole, variants, held_out


def conversions(desk: Desk, campaign_id: CampaignId) -> None:
    """Conversions and revenue, where there are any or somebody was held out to count them."""
    whole, variants, held_out = brought_in(desk, campaign_id)
    if not whole or not (whole[0]["conversion_count"] or held_out):
        return
    words, row = desk.words, whole[0]
    st.subheader(words.t("Conversions and revenue"))
    st.markdown(
        words.t(
            "%(n)s converted, %(rate)s of those delivered: %(money)s, %(each)s per recipient.",
            n=words.number(row["converted_count"]), rate=words.percent(row["conversion_rate"], 3),
            money=_money(desk, row["revenue"]), each=_money(desk, row["revenue_per_recipient"], digits=4),
        )
    )  # fmt: skip
    names = {number: variant.name for number, (variant, _) in queries.variants(desk, campaign_id).items()}
    headers = [words.t(h) for h in ("Version", "Delivered", "Converted", "Conversion rate", "95 %", "Revenue",
                                    "Revenue per person")]  # fmt: skip
    if len(variants) > 1:
        figures.table(headers, [[plain(names.get(v["variant_id"], NOTHING)), *_cells(desk, v)] for v in variants])
    for out in held_out:
        _lift(desk, out, headers)
    st.caption(
        words.t(
            "A purchase is put down to the campaign that it names, else to the last one clicked within %(days)s days.",
            days=words.number(desk.account.attribution_days),
        )
    )
    built = freshness.marts_as_of(desk)
    as_of(desk, built["as_of_at"] if built else None)


def _lift(desk: Desk, out: Row, headers: list[str]) -> None:
    words = desk.words
    rows = [
        [words.t("Mailed"), *_cells(desk, out)],
        [words.t("Held out"), words.number(out["held_out_count"]), words.number(out["held_out_converted_count"]),
         words.percent(out["held_out_conversion_rate"], 3),
         _span(words, out, "held_out_conversion_rate"), _money(desk, out["held_out_revenue"]), NOTHING],
    ]  # fmt: skip
    figures.table(["", *headers[1:]], rows)
    st.caption(
        words.t(
            "Purchases within %(days)s days of the start, whatever led to them: what the two differ by is what the"
            " campaign did.", days=words.number(desk.account.attribution_days),
        )
    )  # fmt: skip


def _cells(desk: Desk, row: Row) -> list[str]:
    words = desk.words
    each = row.get("revenue_per_recipient")
    return [
        words.number(row["delivered_count"]),
        words.number(row["converted_count"]),
        words.percent(row["conversion_rate"], 3),
        _span(words, row, "conversion_rate"),
        _money(desk, row["revenue"]),
        NOTHING if each is None else _money(desk, each, digits=4),
    ]


def _span(words: Words, row: Row, rate: str) -> str:
    return NOTHING if row[rate] is None else words.span(row[f"{rate}_low"], row[f"{rate}_high"], 3)


def _money(desk: Desk, amount: Any, *, digits: int = 2) -> str:
    return desk.words.money(amount, desk.account.currency, digits=digits)
