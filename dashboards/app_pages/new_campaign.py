"""A new campaign: who, what, when. Nothing is written before the last button, and then all of it or nothing."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboards import ab_form, campaign_form, form_draft, queries, segment_queries, template_parts, terms
from dashboards.draft_parts import author
from dashboards.shell import Desk, go, show
from dashboards.spam_panel import spam_panel
from sillage.campaign import schedule as moves
from sillage.campaign.create import create_campaign, parse_spec
from sillage.domain.campaign import MessageKind

NOW, LATER, DRAFT = campaign_form.NOW, campaign_form.LATER, campaign_form.DRAFT


def new_campaign(desk: Desk) -> None:
    """The form, part by part."""
    words = desk.words
    st.title(words.t("New campaign"))
    senders, sizes = queries.senders(desk), segment_queries.sizes(desk)
    if not senders or not sizes:
        campaign_form.missing(desk, has_senders=bool(senders), has_segments=bool(sizes))
        return
    form_draft.begin(desk, senders, [size[0] for size in sizes])
    template_parts.begin_with(desk)
    left, right = st.columns([3, 2], gap="large")
    with left:
        form_draft.ways(desk)
        name = st.text_input(words.t("Name"), key="name", help=words.t("Only you see it."))
        kind = st.segmented_control(
            words.t("Kind of message"), list(MessageKind), required=True, key="kind",
            format_func=lambda k: terms.term(words, terms.KINDS, k),
            help=words.t("Marketing goes only to people who agreed to it. The others need no consent."),
        ) or MessageKind.MARKETING  # fmt: skip
        sender = st.selectbox(
            words.t("Sender"), senders, key="sender",
            format_func=lambda s: f"{s.name} <{s.email}>" + ("" if s.verified_at else f" ({words.t('not verified')})"),
        )  # fmt: skip
        parts = campaign_form.contents(desk)
        campaign_form.trial(desk, kind, sender, parts)
        spam_panel(desk, kind, sender, parts)
    with right:
        names = [size[0] for size in sizes]
        if (asked := st.query_params.get("segment")) in names:
            st.session_state.setdefault("include", [asked])
        include = st.multiselect(words.t("To the segments"), names, key="include")
        exclude = st.multiselect(words.t("But not to"), [n for n in names if n not in include], key="exclude")
        count = _audience(desk, tuple(include), tuple(exclude), kind)
        test = ab_form.ab_block(desk, len(parts), count) if ab_form.is_test(len(parts)) else None
        when = st.segmented_control(
            words.t("When"), [NOW, LATER, DRAFT], required=True, key="when",
            format_func=lambda w: {NOW: words.t("now"), LATER: words.t("later"), DRAFT: words.t("keep as a draft")}[w],
        ) or DRAFT  # fmt: skip
        at = campaign_form.leaving_time(desk) if when == LATER else None
        label = campaign_form.button_label(desk, when, count)
        form_draft.keep(desk)
        wanted = campaign_form.spec(
            name=name,
            kind=kind,
            sender=sender,
            include=include,
            exclude=exclude,
            variants=parts,
            test=test,
        )
        campaign_form.tell_of_samples(desk, parts)
        if st.button(label, type="primary", icon=":material/send:" if when != DRAFT else None, key="create"):
            _create(desk, wanted, send_at=desk.now() if when == NOW else at)


def _audience(desk: Desk, include: tuple[str, ...], exclude: tuple[str, ...], kind: str) -> int:
    """Who would get it as things are now, and who would not, and why."""
    words = desk.words
    if not include:
        st.caption(words.t("Choose a segment to see how many people get it."))
        return 0
    count, left_out = segment_queries.audience_size(desk, include, exclude, kind)
    st.metric(words.t("People who get it, as of now"), words.number(count))
    for reason, number in sorted(left_out.items(), key=lambda item: -item[1]):
        st.caption(
            words.t(
                "left out: %(n)s, %(reason)s", n=words.number(number),
                reason=terms.term(words, terms.REASONS, reason),
            )
        )  # fmt: skip
    return count


def _create(desk: Desk, wanted: dict[str, object], *, send_at: datetime | None) -> None:
    """One transaction: a campaign that can't be scheduled is not made either."""
    words = desk.words
    spec = parse_spec(wanted, where=words.t("this campaign"))
    by, now, held = author(desk), desk.now(), st.session_state
    if held.get("made", (None, 0))[0] == wanted:
        # The second of two quick clicks: what it asks for is done.
        go(words.t("Report"), "report", {"campaign": str(held["made"][1])})
        return
    with desk.store.write() as conn:
        campaign_id = create_campaign(conn, desk.settings, desk.account, spec, now=now, by=by)
        if send_at is not None:
            moves.schedule(conn, desk.account_id, campaign_id, send_at=send_at, by=by, now=now)
    held["made"] = (wanted, campaign_id)
    st.success(words.t("%(name)s is made.", name=spec.name))
    go(words.t("Report"), "report", {"campaign": str(campaign_id)})


show(new_campaign)
