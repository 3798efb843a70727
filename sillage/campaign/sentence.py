"""A segment as a sentence, in French or English. The messages stand in `sillage/locales`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sillage.domain import segment as s
from sillage.i18n import catalogue

CONTACT_FIELDS = {
    "email": "e-mail address",
    "phone": "phone",
    "first_name": "first name",
    "last_name": "last name",
    "company": "company",
    "country": "country",
    "city": "city",
    "postcode": "postcode",
    "language": "language",
    "birthday": "birthday",
}
"""What a contact's own fields are called."""
FIELDS = {
    **CONTACT_FIELDS,
    "provider": "mailbox provider",
    "source": "source",
    "created_at": "contact since",
    "updated_at": "last change",
}
OPS = {
    "equals": "is",
    "contains": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "in": "is one of",
    "less": "is less than",
    "at_most": "is at most",
    "more": "is more than",
    "at_least": "is at least",
    "empty": "is empty",
    "before": "is before",
    "after": "is after",
    "on": "is on",
    "is_true": "is yes",
    "is_false": "is no",
}
DAY_OPS = {
    "within_last": "is within the last %(days)s days",
    "within_next": "is within the next %(days)s days",
    "longer_ago": "is more than %(days)s days ago",
    "birthday_within": "has its day within %(days)s days",
}
DID = {
    "opened": "opened",
    "clicked": "clicked",
    "not_opened": "opened none of what they were sent (where opens may be measured)",
    "not_clicked": "clicked nothing of what they were sent",
    "received": "were sent",
    "reached": "got the message",
}
RECENT = {
    "opened": "opened at least %(least)s of the last %(last)s campaigns sent to them",
    "clicked": "clicked in at least %(least)s of the last %(last)s campaigns sent to them",
    "received": "were sent at least %(least)s of %(last)s campaigns",
    "not_opened": "opened none of the last %(last)s campaigns sent to them (where opens may be measured)",
    "not_clicked": "clicked in none of the last %(last)s campaigns sent to them",
}
CONSENT = {
    "granted": "agreed to %(purpose)s",
    "withdrawn": "withdrew their consent to %(purpose)s",
    "unknown": "never said anything about %(purpose)s",
    "lapsed": "agreed to %(purpose)s so long ago that it must be confirmed",
}
PURPOSES = {
    "marketing": "marketing",
    "open_tracking": "the measuring of opens",
    "click_tracking": "the measuring of clicks",
}
DEVICES = {"mobile": "a phone", "tablet": "a tablet", "desktop": "a computer"}

Say = Callable[..., str]


def sentence(tree: Any, language: str) -> str:
    """The tree as a person says it, in `fr` or `en`."""

    def say(text: str, **values: Any) -> str:
        said = catalogue(language).gettext(text)
        return said % values if values else said

    return in_words(tree, say)


def in_words(tree: Any, say: Say) -> str:  # noqa: PLR0911  # one for each kind of node
    """The tree in the words of `say`, which takes an English message and its values."""
    match tree:
        case s.Everyone():
            return say("everyone")
        case s.InGroup(name=name):
            return say("in the group %(name)s", name=name)
        case s.InSegment(name=name):
            return say("in the segment %(name)s", name=name)
        case s.Not(part=part):
            return say("not (%(what)s)", what=in_words(part, say))
        case s.AllOf() | s.AnyOf():
            sign = say(" and ") if tree.kind == "and" else say(" or ")
            return sign.join(
                f"({text})" if isinstance(part, s.AllOf | s.AnyOf) else text
                for part in tree.parts
                for text in [in_words(part, say)]
            )
        case s.FieldIs():
            return _field(tree, say)
        case s.HasConsent():
            return _consent(tree, say)
        case s.Engaged():
            return _engaged(tree, say)
        case _:
            return _sign(tree, say)


def _field(node: s.FieldIs, say: Say) -> str:
    name = say(FIELDS[node.field]) if node.field in FIELDS else node.field
    if node.op in DAY_OPS:
        return f"{name} {say(DAY_OPS[node.op], days=_plain(node.value))}"
    if node.op in s.VALUELESS_OPS:
        return f"{name} {say(OPS[node.op])}"
    value = ", ".join(node.value) if isinstance(node.value, list) else _plain(node.value)
    return f"{name} {say(OPS[node.op])} {value}"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "\u2013" if value is None else str(value)


def _consent(node: s.HasConsent, say: Say) -> str:
    said = say(CONSENT[node.state], purpose=say(PURPOSES[node.purpose]))
    if node.older_than_days is not None:
        said += say(" more than %(days)s days ago", days=node.older_than_days)
    if node.newer_than_days is not None:
        said += say(" in the last %(days)s days", days=node.newer_than_days)
    return said


def _engaged(node: s.Engaged, say: Say) -> str:
    if node.last is not None:
        return say(RECENT[node.did], least=node.at_least, last=node.last)
    said = say(DID[node.did])
    if node.url is not None:
        said += say(" the link %(url)s", url=node.url)
    elif node.link is not None:
        said += say(" link number %(number)s", number=node.link)
    if node.campaign is not None:
        said += say(" of campaign %(campaign)s", campaign=node.campaign)
    elif node.did in {"opened", "clicked", "received", "reached"} and node.counting == "campaigns":
        said += say(" at least %(least)s campaigns", least=node.at_least) if node.at_least > 1 else say(" any campaign")
    if node.counting == "times" and node.at_least > 1:
        said += say(" at least %(least)s times", least=node.at_least)
    return said + _days(node.days, say)


def _days(days: int | None, say: Say) -> str:
    return "" if days is None else say(" in the last %(days)s days", days=days)


def _sign(node: Any, say: Say) -> str:
    match node:
        case s.Bounced(classes=classes, days=days):
            named = f" ({', '.join(classes)})" if classes else ""
            return say("whose last message came back%(classes)s", classes=named) + _days(days, say)
        case s.Suppressed(reasons=reasons):
            named = f" ({', '.join(reasons)})" if reasons else ""
            return say("whose address is suppressed%(reasons)s", reasons=named)
        case s.UsedDevice(device=device, days=days):
            return say("read on %(device)s", device=say(DEVICES[device])) + _days(days, say)
        case s.Visited(page=page, days=days, at_least=at_least):
            said = say("saw a page with %(page)s", page=page) if page else say("saw a page of the site")
            often = say(" at least %(least)s times", least=at_least) if at_least > 1 else ""
            return said + often + _days(days, say)
        case s.Converted(days=days, at_least=at_least):
            often = say(" at least %(least)s times", least=at_least) if at_least > 1 else ""
            return say("converted") + often + _days(days, say)
        case _:
            raise AssertionError(node)
