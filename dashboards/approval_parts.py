"""Approval by a second person: what waits for whom, the campaign as it would leave, and the two answers."""

from __future__ import annotations

import streamlit as st

from dashboards import draft_preview, figures, segment_queries, terms
from dashboards.alarms import Call
from dashboards.shell import Desk, boundary, link
from dashboards.words import Words, plain
from sillage.campaign import approval
from sillage.campaign import schedule as moves
from sillage.domain.approval import ApprovalState
from sillage.domain.campaign import CampaignState as S
from sillage.domain.ids import CampaignId
from sillage.domain.sign_in import Role
from sillage.store import accounts, approvals, campaigns, segments, users
from sillage.store.approvals import Approval
from sillage.store.campaigns import Campaign
from sillage.store.drafts import Written

STATES = {
    "asked": "asked for", "approved": "approved by", "refused": "refused by", "taken_back": "taken back by a change",
}  # fmt: skip
ICONS = {"asked": ":material/hourglass_top:", "approved": ":material/verified:", "refused": ":material/block:",
         "taken_back": ":material/undo:"}  # fmt: skip
SHOWN = 20


def mine(desk: Desk) -> int | None:
    """The user who looks."""
    return desk.member.user_id if desk.member else None


def calls(desk: Desk) -> list[Call]:
    """What of approvals asks for whoever looks: campaigns of others that wait, and their own that were refused."""
    words, me = desk.words, mine(desk)
    if me is None:
        return []
    found = []
    with desk.store.read() as conn:
        latest = {one.campaign_id: one for one in reversed(approvals.of_account(conn, desk.account_id))}
        for campaign in campaigns.listed(conn, desk.account_id):
            name = plain(campaign.name)
            if campaign.state is S.APPROVAL and approval.may_decide(conn, desk.account_id, campaign, me) is None:
                text = words.t("%(name)s waits for your approval.", name=name)
                found.append(Call("warning", text, "approvals", words.t("Look at it"), campaign.id))
            if campaign.state is S.DRAFT and (last := latest.get(campaign.id)):
                if last.state is not ApprovalState.REFUSED or me not in {last.asked_by, campaign.created_by}:
                    continue
                text = words.t("%(who)s refused %(name)s: %(why)s", who=plain(last.decided_by_name), name=name,
                               why=plain(last.words))  # fmt: skip
                found.append(Call("warning", text, "approvals", words.t("Look at it"), campaign.id))
    return found


def setting(desk: Desk) -> None:
    """Whether the account wants it; only an owner may say so."""
    words = desk.words
    with desk.store.read() as conn:
        count = len(users.members_of(conn, desk.account_id))
    is_owner = desk.member is not None and desk.member.role is Role.OWNER
    needed = st.toggle(
        words.t("A second person approves each campaign before it leaves"), desk.account.needs_approval,
        key="needs_approval", disabled=not is_owner,
        help=words.t("Never its author. A change of content, audience or time takes the approval back."),
    )  # fmt: skip
    if needed and count < 2:  # noqa: PLR2004  # four eyes
        st.warning(words.t("You are alone in this account: nobody could approve. Invite somebody first."))
        link(words.t("Members"), "members", icon=":material/manage_accounts:")
    if not is_owner:
        st.caption(words.t("Only an owner of the account can change this."))
    elif needed != desk.account.needs_approval:
        with desk.store.write() as conn:
            accounts.set_approval(conn, desk.account_id, needed=needed)
        st.cache_data.clear()
        st.rerun()


def waiting(desk: Desk) -> None:
    """All that waits, and below it what was decided lately."""
    words = desk.words
    with desk.store.read() as conn:
        known = {c.id: c for c in campaigns.listed(conn, desk.account_id)}
        asked = approvals.of_account(conn, desk.account_id)
    open_ones = [c for c in known.values() if c.state is S.APPROVAL]
    if not desk.account.needs_approval and not open_ones:
        st.info(words.t("Campaigns of this account leave without a second person's approval."), icon=":material/info:")
        link(words.t("Change it in the settings of the account"), "account", icon=":material/badge:")
    elif not open_ones:
        st.success(words.t("Nothing waits for approval."), icon=":material/check_circle:")
    for campaign in open_ones:
        with st.container(border=True, horizontal=True, vertical_alignment="center",
                          horizontal_alignment="distribute"):  # fmt: skip
            st.markdown(f"**{plain(campaign.name)}**  \n:small[{_leaves(words, campaign)}]", width="content")
            link(
                words.t("Look at it"), "approvals", icon=":material/visibility:", params={"campaign": str(campaign.id)}
            )
    decided = [a for a in asked if a.state is not ApprovalState.ASKED and a.campaign_id in known][:SHOWN]
    if decided:
        st.subheader(words.t("Decided lately"))
        for one in decided:
            st.markdown(f"**{plain(known[one.campaign_id].name)}** · {_told(words, one)}")


def one(desk: Desk, campaign_id: CampaignId) -> None:
    """A campaign as it would leave, and the two answers for whoever may give them.

    Raises: NotFound.
    """
    words = desk.words
    with desk.store.read() as conn:
        campaign = campaigns.get(conn, desk.account_id, campaign_id)
        seen = approval.fingerprint_of(conn, desk.account_id, campaign)
        told = approvals.history(conn, desk.account_id, campaign_id)
        me = mine(desk)
        fault = approval.may_decide(conn, desk.account_id, campaign, me) if me is not None else "nobody"
    link(words.t("All approvals"), "approvals", icon=":material/arrow_back:")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(plain(campaign.name), width="content")
        figures.state_badge(words, campaign.state)
    for entry in told:
        st.caption(_told(words, entry))
    if campaign.state is S.APPROVAL and me is not None:
        if not desk.account.needs_approval:
            _without(desk, campaign, me)
        elif fault is None:
            _answers(desk, campaign, seen, me)
        else:
            st.info(words.t("It waits for another member: nobody approves what they made or asked for."),
                    icon=":material/group:")  # fmt: skip
    _facts(desk, campaign)
    _mail(desk, campaign)


def _without(desk: Desk, campaign: Campaign, me: int) -> None:
    """The account asks for no approval any more, and this one still waits for it."""
    words = desk.words
    st.info(words.t("This account asks for no approval any more."), icon=":material/info:")
    label = words.t("Schedule it without approval")
    if st.button(label, type="primary", icon=":material/event:", key=f"without_{campaign.id}"):
        with boundary(words), desk.store.write() as conn:
            moves.schedule(conn, desk.account_id, campaign.id, by=me, now=desk.now())
        st.cache_data.clear()
        st.rerun()


def _answers(desk: Desk, campaign: Campaign, seen: str, me: int) -> None:
    words = desk.words
    with st.container(border=True), boundary(words):
        said = st.text_input(words.t("Your words to the author"), key=f"approval_words_{campaign.id}",
                             help=words.t("Needed where you refuse."))  # fmt: skip
        with st.container(horizontal=True):
            if st.button(words.t("Approve: it leaves at its time"), type="primary", icon=":material/verified:",
                         key=f"approve_{campaign.id}"):  # fmt: skip
                with desk.store.write() as conn:
                    approval.approve(conn, desk.account_id, campaign.id, by=me, now=desk.now(), words=said, seen=seen)
                st.cache_data.clear()
                st.rerun()
            if st.button(words.t("Refuse: back to the author"), icon=":material/block:", key=f"refuse_{campaign.id}"):
                with desk.store.write() as conn:
                    approval.refuse(conn, desk.account_id, campaign.id, by=me, now=desk.now(), words=said)
                st.cache_data.clear()
                st.rerun()


def _facts(desk: Desk, campaign: Campaign) -> None:
    """When, to whom, from whom."""
    words = desk.words
    with desk.store.read() as conn:
        named = {int(s.id): s.name for s in segments.listed(conn, desk.account_id)}
        sender = campaigns.sender(conn, desk.account_id, campaign.sender_id)
    include, exclude = (tuple(named[i] for i in ids if i in named) for ids in (campaign.include, campaign.exclude))
    st.markdown(f"**{words.t('Leaves')}** · {_leaves(words, campaign)}")
    st.markdown(f"**{words.t('Sender')}** · {plain(sender.name)} <{plain(sender.email)}>".replace("<", "\\<"))
    st.markdown(f"**{words.t('To the segments')}** · {plain(', '.join(include))}")
    if exclude:
        st.markdown(f"**{words.t('But not to')}** · {plain(', '.join(exclude))}")
    count, left_out = segment_queries.audience_size(desk, include, exclude, campaign.kind)
    st.metric(words.t("People who get it, as of now"), words.number(count))
    for reason, number in sorted(left_out.items(), key=lambda item: -item[1]):
        told = terms.term(words, terms.REASONS, reason)
        st.caption(words.t("left out: %(n)s, %(reason)s", n=words.number(number), reason=told))


def _mail(desk: Desk, campaign: Campaign) -> None:
    words = desk.words
    with desk.store.read() as conn:
        versions = campaigns.variants_of(conn, desk.account_id, campaign.id)
    for version in versions:
        source = version.source
        if len(versions) > 1:
            st.subheader(words.t("Version %(name)s", name=plain(version.name)))
        st.markdown(f"**{words.t('Subject')}** · {plain(source.subject)}")
        if source.preheader:
            st.markdown(f"**{words.t('Preheader')}** · {plain(source.preheader)}")
        draft_preview.mail(desk, Written(source.kind, source.body, source.subject, source.preheader), width=660)


def _leaves(words: Words, campaign: Campaign) -> str:
    return words.weekday(campaign.send_at) if campaign.send_at else words.t("without a time")


def _told(words: Words, one: Approval) -> str:
    """One request in a line: who asked, who decided, when, in which words."""
    told = words.t(STATES[one.state.value])
    asked = words.t("%(who)s asked on %(moment)s", who=plain(one.asked_by_name) or words.t("somebody"),
                    moment=words.minute(one.asked_at))  # fmt: skip
    if one.state is ApprovalState.ASKED:
        return f"{ICONS[one.state.value]} {asked}"
    who = f" {plain(one.decided_by_name)}" if one.decided_by_name else ""
    said = f": {plain(one.words)}" if one.words else ""
    return f"{ICONS[one.state.value]} {asked} · {told}{who}, {words.minute(one.decided_at)}{said}"
