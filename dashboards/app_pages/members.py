"""Members: who works in this account, who is invited, and a link to invite by."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboards.frame import ROLES
from dashboards.shell import Desk, boundary, door, show
from dashboards.words import plain
from sillage.access import Links
from sillage.clock import Clock
from sillage.domain.sign_in import Role
from sillage.errors import Refused
from sillage.store import sessions, users
from sillage.store.users import Membership


def members_page(desk: Desk) -> None:
    """Members, open invitations, and the form of an owner."""
    words = desk.words
    st.title(words.t("Members"))
    st.caption(words.t("Who works in %(account)s. Members do everything but let people in or out.",
                       account=plain(desk.account.name)))  # fmt: skip
    with desk.store.read() as conn:
        members = users.members_of(conn, desk.account_id)
        invited = sessions.invitations(conn, desk.account_id, now=Clock().now())
    for member in members:
        _member(desk, member)
    if not _is_owner(desk):
        st.info(words.t("An owner of this account invites people."), icon=":material/info:")
        return
    if invited:
        st.subheader(words.t("Invited"))
        for link in invited:
            _invitation(desk, link.email, link.token_hash, link.expires_at)
    st.subheader(words.t("Invite somebody"))
    _invite(desk)


def _is_owner(desk: Desk) -> bool:
    return desk.member is not None and desk.member.role is Role.OWNER


def _refuse_others(desk: Desk) -> None:
    """Raises: Refused where who looks owns nothing here, whatever their page had shown."""
    if not _is_owner(desk):
        raise Refused(desk.words.t("An owner of this account invites people."))


def _member(desk: Desk, member: Membership) -> None:
    words = desk.words
    is_me = desk.member is not None and member.user_id == desk.member.user_id
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        you = f" ({words.t('you')})" if is_me else ""
        role = words.t(ROLES[member.role])
        st.markdown(f"**{plain(member.name)}**{you}  \n{plain(member.email)} · {role}", width="content")
        if _is_owner(desk) and not is_me:
            with st.popover(words.t("Let out"), icon=":material/person_remove:"), boundary(words):
                st.write(words.t("%(name)s no longer sees this account. What they made stays.",
                                 name=plain(member.name)))  # fmt: skip
                if st.button(words.t("Let them out"), key=f"member_out_{member.user_id}", type="primary"):
                    _refuse_others(desk)
                    with desk.store.write() as conn:
                        users.leave(conn, desk.account_id, member.user_id)
                    st.rerun()


def _invitation(desk: Desk, email: str, token_hash: bytes, expires_at: datetime) -> None:
    words = desk.words
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        until = words.t("open until %(moment)s", moment=words.minute(expires_at))
        st.markdown(f"{plain(email)} · {until}", width="content")
        if st.button(words.t("Withdraw"), key=f"withdraw_{token_hash.hex()}", icon=":material/link_off:"):
            _refuse_others(desk)
            with desk.store.write() as conn:
                sessions.withdraw(conn, desk.account_id, token_hash)
            st.rerun()


def _invite(desk: Desk) -> None:
    words = desk.words
    with st.form("invite", clear_on_submit=True), boundary(words):
        email = st.text_input(words.t("E-mail address"), key="invite_email")
        role = st.segmented_control(
            words.t("As"), list(Role), default=Role.MEMBER, required=True, key="invite_role",
            format_func=lambda r: words.t(ROLES[r]),
        )  # fmt: skip
        if st.form_submit_button(words.t("Make an invitation"), type="primary"):
            _refuse_others(desk)
            links = Links(desk.store, desk.settings, door(desk.settings, desk.store))
            st.session_state["invitation"] = (email, links.invite(desk.account_id, email, Role(role)))
            st.rerun()
    if made := st.session_state.pop("invitation", None):
        st.success(
            words.t(
                "Give this link to %(email)s yourself. It works once, for seven days, and is shown only now.",
                email=plain(made[0]),
            ),
            icon=":material/link:",
        )
        st.code(made[1], language=None, wrap_lines=True)


show(members_page)
