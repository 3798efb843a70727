"""Where people clicked, drawn on the mail itself; below it the ways to those who clicked on each link."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboards import queries
from dashboards.figures import rate_text
from dashboards.freshness import CALM_S, cached
from dashboards.own_pictures import with_own_pictures
from dashboards.queries import Details
from dashboards.shell import Desk, boundary, link
from dashboards.words import plain
from sillage.campaign.prepare import footer_of
from sillage.content.preview import Heat, shown
from sillage.domain.ids import CampaignId
from sillage.store import campaigns

HEIGHT = 620
LISTED = 8


def draw(desk: Desk, parts: Details) -> None:
    """One variant at a time, with clickers and click rate on each link."""
    words, known = desk.words, queries.reported(desk, parts)
    if not parts.links or not known:
        return
    st.subheader(words.t("Clicks on the mail itself"))
    ids = list(known)
    chosen = ids[0]
    if len(ids) > 1:
        chosen = st.segmented_control(
            words.t("Variant"), ids, default=ids[0], required=True, format_func=lambda i: known[i][0].name,
            key=f"heat_variant_{parts.campaign.id}",
        )  # fmt: skip
    variant, targets = known[chosen]
    rows = [row for row in parts.links if row["variant_id"] == chosen]
    most = max((row["clicker_count"] for row in rows), default=0)
    heat = {
        row["link_number"]: Heat(
            f"{words.number(row['clicker_count'])} · {rate_text(words, row, 'click_rate')}",
            row["clicker_count"] / most if most else 0.0,
        )
        for row in rows
    }
    for number in targets:
        heat.setdefault(number, Heat(words.number(0), 0.0))
    with boundary(words):
        _frame(
            _page(desk, parts.campaign.id, chosen, tuple(sorted(heat.items(), key=lambda one: one[0]))),
            words.t("The mail with its clicks"),
        )
    st.caption(words.t("People who clicked, of those whom this variant reached."))
    with st.container(horizontal=True):
        for row in rows[:LISTED]:
            number = row["link_number"]
            link(
                words.t("Link %(number)s: %(count)s", number=words.number(number),
                        count=words.number(row["clicker_count"])),
                "lists",
                params={"campaign": str(parts.campaign.id), "list": "clickers", "link": f"{chosen}.{number}"},
            )  # fmt: skip
    if plain(variant.source.subject):
        st.caption(plain(variant.source.subject))


@cached(CALM_S)
def _page(desk: Desk, campaign_id: CampaignId, variant_id: int, heat: tuple[tuple[int, Heat], ...]) -> str:
    """Compiled anew where a count has changed."""
    variant, _ = queries.variants(desk, campaign_id)[variant_id]
    with desk.store.read() as conn:
        kind = campaigns.get(conn, desk.account_id, campaign_id).kind
    return with_own_pictures(desk, shown(variant.source, footer_of(desk.account, kind), heat=dict(heat)))


def _frame(page: str, title: str) -> None:
    """In a frame of its own, in which nothing runs."""
    inner = f'<iframe sandbox="" title="{escape(title, quote=True)}" srcdoc="{escape(page, quote=True)}"></iframe>'
    style = (
        "<style>body{margin:0}iframe{display:block;width:100%;max-width:640px;border:1px solid #B9CDD2;background:#fff;"
        f"border-radius:10px;height:{HEIGHT - 8}px;box-sizing:border-box}}</style>"
    )
    st.iframe(f"<!doctype html><html><head>{style}</head><body>{inner}</body></html>", height=HEIGHT)
