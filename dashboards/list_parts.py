"""The parts of the page of lists: which list, its reasons, a page of people, and its file."""

from __future__ import annotations

from functools import partial
from math import ceil

import streamlit as st

from dashboards import export_job, figures, list_queries, list_turn, queries, terms
from dashboards.list_queries import A_PAGE, HAS_REASONS, MOST_FOUND, Page
from dashboards.shell import Desk, link
from dashboards.words import NOTHING, plain
from sillage.errors import BadInput
from sillage.export.people import WHO, columns_of, listed
from sillage.export.write import FileKind
from sillage.lake.recipients import Link, ListName, Wanted
from sillage.store.targets import beyond_shown

LISTS = {
    ListName.DELIVERED: "Delivered",
    ListName.OPENERS: "Openers",
    ListName.NON_OPENERS: "Non-openers",
    ListName.CLICKERS: "Clickers",
    ListName.NON_CLICKERS: "Non-clickers",
    ListName.BOUNCED: "Bounced",
    ListName.UNSUBSCRIBED: "Unsubscribed",
    ListName.COMPLAINED: "Complained",
    ListName.IN_DOUBT: "In doubt",
    ListName.SUPPRESSED: "Suppressed",
    ListName.SKIPPED: "Skipped",
    ListName.FAILED: "Failed on our side",
    ListName.WAITING: "Still waiting",
}
NOTES = {
    ListName.OPENERS: "Only people who agreed to be measured; machines are left out.",
    ListName.NON_OPENERS: "Only people who agreed to be measured: of the others nobody knows.",
    ListName.COMPLAINED: "Only providers that report each complaint.",
    ListName.IN_DOUBT: "The connection broke after the message had left: it may or may not have been taken.",
}
FIELDS = {
    "email": "E-mail address", "phone": "Phone", "first_name": "First name", "last_name": "Last name",
    "company": "Company", "country": "Country", "city": "City", "postcode": "Postcode", "language": "Language",
    "birthday": "Birthday",
}  # fmt: skip


def wanted_of(desk: Desk, campaign_id: int) -> tuple[Wanted, str | None]:
    """The list of the address, with where its link leads.

    Raises: BadInput for a list or a link that is none.
    """
    asked = st.query_params.get("list", ListName.CLICKERS)
    if asked not in set(ListName):
        raise BadInput(desk.words.t("There is no such list."), code="no_list", field="list")
    name = ListName(asked)
    text = st.query_params.get("link") if name is ListName.CLICKERS else None
    found = Link.parse(text) if text else None
    reason = st.query_params.get("reason") if name in HAS_REASONS else None
    url = None
    if found is not None:
        known = queries.variants(desk, campaign_id, beyond_shown([(found.variant, found.number)]))  # type: ignore[arg-type]
        url = known.get(found.variant, (None, {}))[1].get(found.number)
    return Wanted(campaign_id, name, found, reason), url  # type: ignore[arg-type]  # a number from the address


def choose(desk: Desk, wanted: Wanted) -> None:
    """Another list, another link or another reason, by the address."""
    words = desk.words
    names, links = list(ListName), _links(desk, wanted)
    left, right = st.columns(2)
    name = left.selectbox(
        words.t("List"), names, index=names.index(wanted.name), format_func=lambda n: words.t(LISTS[n]),
        key=f"list_name_{wanted.name}",
    )  # fmt: skip
    link_text = reason = None
    if name is ListName.CLICKERS and links:
        held = str(wanted.link) if wanted.link else ""
        options = ["", *links]
        link_text = right.selectbox(
            words.t("Link"), options, index=options.index(held) if held in options else 0,
            format_func=lambda one: links.get(one, words.t("all links")), key=f"list_link_{held}",
        )  # fmt: skip
    elif name in HAS_REASONS and name is wanted.name:
        reason = _reason(desk, wanted, right)
    _address(list=name, link=link_text, reason=reason)


def _reason(desk: Desk, wanted: Wanted, place: st.delta_generator.DeltaGenerator) -> str | None:
    words = desk.words
    sizes: dict[str, int] = {}
    for row in list_queries.reasons(desk, Wanted(wanted.campaign_id, wanted.name)):
        sizes[row["reason"] or ""] = sizes.get(row["reason"] or "", 0) + row["size"]
    options = [None, *sizes]
    if len(options) < 3 and wanted.reason is None:  # noqa: PLR2004  # all of one reason: there is nothing to choose
        return None
    return place.selectbox(
        words.t("Reason"), options, index=options.index(wanted.reason) if wanted.reason in sizes else 0,
        format_func=lambda one: words.t("all reasons") if one is None else
        f"{terms.term(words, terms.REASONS, one)} ({words.number(sizes[one])})", key=f"list_reason_{wanted.reason}",
    )  # fmt: skip


def _links(desk: Desk, wanted: Wanted) -> dict[str, str]:
    held = [(wanted.link.variant, wanted.link.number)] if wanted.link else []
    known = queries.variants(desk, wanted.campaign_id, beyond_shown(held))
    return {
        f"{variant.id}.{number}": (f"{variant.name} · " if len(known) > 1 else "") + f"{number}. {url}"
        for variant, targets in known.values()
        for number, url in sorted(targets.items())
    }


def _address(**values: str | None) -> None:
    held = {key: st.query_params.get(key) for key in values}
    if held == {key: value or None for key, value in values.items()}:
        return
    for key, value in values.items():
        if value:
            st.query_params[key] = value
        else:
            st.query_params.pop(key, None)
    st.query_params.pop("p", None)
    st.rerun()


def people(desk: Desk, wanted: Wanted, page: Page) -> None:
    """A page of people, with the ways to the pages beside it."""
    words = desk.words
    if not page.rows:
        st.info(words.t("Nobody is on this list."), icon=":material/person_off:")
        return
    has_reason, has_times = wanted.name in HAS_REASONS, wanted.name in {ListName.OPENERS, ListName.CLICKERS}
    heads = ["Address", "Name", "Provider", "When", *(["Reason", "What the server said"] if has_reason else []),
             *(["Times"] if has_times else [])]  # fmt: skip
    rows = []
    for row in page.rows:
        name = " ".join(filter(None, (row["first_name"], row["last_name"])))
        who = plain(row["email"] or words.t("contact %(id)s", id=row["contact_id"]))
        cells = [
            f"[{who}](contact?contact={row['contact_id']}&account={desk.account.slug})",
            plain(name) or NOTHING,
            terms.term(words, terms.PROVIDERS, row["provider"]),
            words.second(row["at"]),
        ]
        if has_reason:
            kind = terms.term(words, terms.BOUNCE_CLASSES, row["bounce_class"]) if row["bounce_class"] else ""
            why = " · ".join(filter(None, (kind, terms.term(words, terms.REASONS, row["reason"]))))
            cells += [plain(why), plain(row["said"] or NOTHING)]
        rows.append([*cells, words.number(row["times"])] if has_times else cells)
    figures.table([words.t(h) for h in heads], rows, left=6 if has_reason else 4)
    _pager(desk, page)


def _pager(desk: Desk, page: Page) -> None:
    words, pages = desk.words, ceil(page.size / A_PAGE)
    if pages > 1:
        number = st.number_input(
            words.t("Page, of %(all)s", all=words.number(pages)), 1, pages, number_of(page.size) + 1, key="list_page"
        )
        if int(number) != number_of(page.size) + 1:
            st.query_params["p"] = str(int(number))
            st.rerun()


def number_of(size: int) -> int:
    """The page of the address, counted from nought, within what there is."""
    asked = st.query_params.get("p", "")
    number = int(asked) - 1 if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0  # noqa: PLR2004
    return max(0, min(number, ceil(size / A_PAGE) - 1)) if size else max(0, number)


def file(desk: Desk, wanted: Wanted, name: str, size: int) -> None:
    """The list as a file: which fields, which kind; then how far it is."""
    words = desk.words
    custom = list_queries.field_names(desk)
    with st.popover(words.t("Export"), icon=":material/download:", disabled=not size):
        fields = st.multiselect(
            words.t("Fields"), [*WHO, *custom], default=["email", "first_name", "last_name"],
            format_func=lambda one: words.t(FIELDS[one]) if one in FIELDS else one, key="list_fields",
        )  # fmt: skip
        kind = st.segmented_control(
            words.t("Kind of file"), list(FileKind), default=FileKind.XLSX, required=True,
            format_func=lambda one: one.upper(), key="list_kind",
        )  # fmt: skip
        label = words.n("Export %(count)s person", "Export %(count)s people", size)
        if st.button(label, key="list_export", type="primary"):
            rows = partial(listed, desk.store, desk.reader, desk.account_id, wanted, fields)
            export_job.begin(desk, name, FileKind(kind), columns_of(wanted.name, fields), rows)


def notes(desk: Desk, wanted: Wanted, page: Page) -> None:
    """Who is meant, and what a search could not look through."""
    if wanted.name in NOTES:
        st.caption(desk.words.t(NOTES[wanted.name]))
    if page.is_cut:
        st.caption(desk.words.t("More than %(n)s people fit the search: say more of them.",
                                n=desk.words.number(MOST_FOUND)))  # fmt: skip


def turn(desk: Desk, wanted: Wanted, name: str, size: int, url: str | None) -> None:
    """The list as a segment or a group."""
    list_turn.draw(desk, wanted, name=name, size=size, url=url)


def back(desk: Desk, campaign_id: int) -> None:
    """To the report."""
    link(desk.words.t("Report"), "report", icon=":material/arrow_back:", params={"campaign": str(campaign_id)})
