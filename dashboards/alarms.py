"""What is out of order, as sentences: alerts of the marts, and what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboards import terms
from dashboards.shell import link
from dashboards.words import NOTHING, Words, plain
from sillage.domain.campaign import CampaignState
from sillage.store.campaigns import Balance, Campaign
from sillage.store.incidents import Incident

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One thing that needs a person: how grave it is, what happened, and where to go."""

    level: str
    text: str
    page: str
    label: str
    campaign: int | None = None


def of_alert(words: Words, alert: Row) -> Call:
    """A threshold that is passed."""
    metric = alert["metric"]
    name = words.t(terms.METRICS[metric])
    if metric == "soft_bounces":
        text = words.t(
            "%(name)s: contact %(contact)s has %(n)s over %(of)s campaigns, without a delivery between.",
            name=name,
            contact=alert["contact_id"],
            n=words.number(alert["numerator_count"]),
            of=words.number(alert["denominator_count"]),
        )
        return Call(alert["level"], text, "contacts", words.t("Contacts"))
    digits = terms.digits(metric)
    if alert["usual_low"] is not None:
        return _unusual(words, alert)
    limit = alert["critical_at"] if alert["level"] == "critical" else alert["warn_at"]
    of = words.t(
        "%(name)s of %(thing)s, %(window)s: %(value)s (%(n)s of %(of)s).",
        name=name,
        thing=_thing(words, alert),
        window=terms.term(words, terms.WINDOWS, alert["window_name"]),
        value=words.percent(alert["measured_value"], digits),
        n=words.number(alert["numerator_count"]),
        of=words.number(alert["denominator_count"]),
    )
    if alert["level"] == "critical":
        what = words.t("Critical from %(limit)s: %(follows)s.", limit=words.percent(limit, digits), follows=
                       terms.term(words, terms.FOLLOWS, alert["when_critical"]))  # fmt: skip
    else:
        what = words.t("A warning from %(limit)s.", limit=words.percent(limit, digits))
    if alert["campaign_id"] is None:
        return Call(alert["level"], f"{of} {what}", "campaigns", words.t("Campaigns"))
    return Call(alert["level"], f"{of} {what}", "report", words.t("Report"), alert["campaign_id"])


def _unusual(words: Words, alert: Row) -> Call:
    """A campaign against the account's own past."""
    text = words.t(
        "%(name)s of %(thing)s: %(value)s (%(n)s of %(of)s), against %(usual)s in earlier campaigns: beyond chance.",
        name=words.t(terms.METRICS[alert["metric"]]),
        thing=_thing(words, alert),
        value=words.percent(alert["measured_value"]),
        n=words.number(alert["numerator_count"]),
        of=words.number(alert["denominator_count"]),
        usual=words.span(alert["usual_low"], alert["usual_high"]),
    )
    return Call(alert["level"], text, "report", words.t("Report"), alert["campaign_id"])


def why_paused(words: Words, said: str | None, stopped: list[Incident], provider: str | None = None) -> str:
    """Why a campaign, or its part at one provider, is paused: by the figures of the incident that still stands.

    What a person wrote is shown as it is; what the engine says by itself is in the catalogue.
    """
    standing = next((i for i in stopped if i.provider == provider and i.ended_at is None), None)
    if standing is None:
        return plain(terms.term(words, terms.PAUSES, said) if said else NOTHING)
    digits = terms.digits(standing.metric)
    return words.t(
        "%(name)s %(value)s (%(n)s of %(of)s), critical from %(limit)s, %(window)s",
        name=words.t(terms.METRICS[standing.metric]),
        value=words.percent(standing.value, digits),
        n=words.number(standing.numerator),
        of=words.number(standing.denominator),
        limit=words.percent(standing.critical_at, digits),
        window=terms.term(words, terms.WINDOWS, standing.window_name),
    )


def of_campaign(words: Words, campaign: Campaign, balance: Balance, stopped: list[Incident]) -> list[Call]:
    """What a campaign itself asks for; `stopped` are its incidents."""
    name, found = plain(campaign.name), []
    if campaign.state is CampaignState.HELD:
        text = words.t("%(name)s is held: its time passed while nobody was there to send it.", name=name)
        found.append(Call("warning", text, "campaigns", words.t("Schedule it again or cancel it"), campaign.id))
    if campaign.state is CampaignState.PAUSED:
        text = words.t("%(name)s is paused: %(why)s.", name=name, why=why_paused(words, campaign.pause_reason, stopped))
        found.append(Call("warning", text, "report", words.t("Look, then resume or cancel"), campaign.id))
    for state, text in (
        ("in_doubt", words.n("%(count)s message of %(name)s is in doubt: it may or may not have been taken.",
                             "%(count)s messages of %(name)s are in doubt: they may or may not have been taken.",
                             balance["in_doubt"], name=name)),
        ("failed", words.n("%(count)s message of %(name)s failed on our side.",
                           "%(count)s messages of %(name)s failed on our side.", balance["failed"], name=name)),
    ):  # fmt: skip
        if balance[state]:
            found.append(Call("warning", text, "report", words.t("Report"), campaign.id))
    return found


def draw(calls: list[Call]) -> None:
    """Each call as a coloured box with its way out, the critical ones first."""
    for call in sorted(calls, key=lambda c: c.level != "critical"):
        if call.level == "critical":
            st.error(call.text, icon=":material/error:")
        else:
            st.warning(call.text, icon=":material/warning:")
        params = {} if call.campaign is None else {"campaign": str(call.campaign)}
        link(call.label, call.page, icon=":material/arrow_forward:", params=params)


def _thing(words: Words, alert: Row) -> str:
    campaign = plain(alert["campaign_name"] or str(alert["campaign_id"]))
    match alert["scope"]:
        case "campaign":
            return campaign
        case "campaign_provider":
            provider = terms.term(words, terms.PROVIDERS, alert["provider"])
            return words.t("%(campaign)s at %(provider)s", campaign=campaign, provider=provider)
        case _:
            return words.t("the account")
