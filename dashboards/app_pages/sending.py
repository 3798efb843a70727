"""Sending: what waits at each mailbox provider, how fast it leaves, what was put off and why, what is in doubt."""

from __future__ import annotations

import streamlit as st

from dashboards import figures, sending_queries, terms
from dashboards.sending_queries import Sending
from dashboards.shell import Desk, as_of, live, show
from dashboards.words import NOTHING, Words, plain
from sillage.store.rates import Standing


def sending_page(desk: Desk) -> None:
    """A warning where nothing may leave, then the queue, alive."""
    words = desk.words
    st.title(words.t("Sending"))
    if sending_queries.blocked(desk):
        st.error(
            words.t(
                "Nothing leaves: this installation is a copy, or was restored from a backup. Whoever runs it has to"
                " say that it is the live one (sillage ops adopt)."
            ),
            icon=":material/block:",
        )
    live(_queue, desk, every=2)


def _queue(desk: Desk) -> None:
    words, seen = desk.words, sending_queries.sending(desk)
    waiting = sum(d.waiting for d in seen.depths)
    tiles = st.columns(4)
    tiles[0].metric(words.t("Waiting"), words.number(waiting))
    tiles[1].metric(
        words.t("Leaving now, per second"), words.number(round(seen.sent_per_second)),
        help=words.t("Of all accounts of this installation: they share what each provider takes."),
    )  # fmt: skip
    tiles[2].metric(words.t("Put off"), words.number(sum(d.deferred for d in seen.depths)))
    tiles[3].metric(
        words.t("In doubt"), words.number(sum(seen.in_doubt.values())),
        help=words.t("They may or may not have been taken: the worker or the line died before the answer came."),
    )  # fmt: skip
    if not seen.depths:
        st.info(words.t("Nothing waits to be sent."), icon=":material/check_circle:")
    else:
        _by_provider(words, seen)
    if seen.deferrals:
        _deferrals(words, seen)
    if seen.in_doubt:
        st.subheader(words.t("In doubt"))
        rows = [[plain(name), words.number(count)] for name, count in seen.in_doubt.items()]
        figures.table([words.t("Campaign"), words.t("People")], rows)
    as_of(desk, seen.as_of)


def _by_provider(words: Words, seen: Sending) -> None:
    st.subheader(words.t("By mailbox provider"))
    headers = [
        words.t("Provider"), words.t("Never tried"), words.t("Put off"), words.t("On its way"), words.t("Next retry"),
        words.t("Per second"), words.t("At most"),
    ]  # fmt: skip
    rows = []
    for depth in seen.depths:
        standing = seen.standings.get(depth.provider)
        rows.append(
            [
                terms.term(words, terms.PROVIDERS, depth.provider),
                words.number(depth.fresh),
                words.number(depth.deferred),
                words.number(depth.sending),
                words.second(depth.next_retry_at),
                words.number(round(standing.sent_per_second)) if standing else NOTHING,
                _limit(words, standing),
            ]
        )
    figures.table(headers, rows)
    for standing in seen.standings.values():
        if standing.is_slowed:
            st.warning(
                words.t(
                    "%(provider)s asked us to slow down at %(moment)s (%(answer)s). The rate comes back by itself.",
                    provider=terms.term(words, terms.PROVIDERS, standing.provider),
                    moment=words.second(standing.slowed_at),
                    answer=plain(standing.reason or NOTHING),
                ),
                icon=":material/speed:",
            )


def _limit(words: Words, standing: Standing | None) -> str:
    if standing is None:
        return NOTHING
    connections = words.n("%(count)s connection", "%(count)s connections", standing.limit.connections)
    if standing.limit.per_second is None:
        return connections
    return words.t(
        "%(rate)s per second, %(connections)s",
        rate=words.number(max(1, round(standing.limit.per_second))), connections=connections,
    )  # fmt: skip


def _deferrals(words: Words, seen: Sending) -> None:
    st.subheader(words.t("Put off, and why"))
    rows = [
        [
            terms.term(words, terms.PROVIDERS, d.provider), terms.term(words, terms.REASONS, d.reason),
            words.number(d.count), words.second(d.next_at),
        ]
        for d in seen.deferrals[:20]
    ]  # fmt: skip
    figures.table([words.t("Provider"), words.t("Reason"), words.t("People"), words.t("Next retry")], rows, left=2)


show(sending_page)
