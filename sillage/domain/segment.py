"""A segment: a small expression tree over contacts and what they did. `segment_sql` compiles it to one SQL condition.

An empty value fails every comparison and `not` inverts it; text compares without case and accents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from sillage.errors import BadInput

STANDARD_FIELDS = frozenset(
    {"email", "phone", "first_name", "last_name", "company", "country", "city", "postcode", "language", "birthday",
     "provider", "source"}
)  # fmt: skip
MOMENTS = frozenset({"created_at", "updated_at"})
"""Fields of a contact that are moments rather than text: compared as days of the account's calendar."""
NUMBER_OPS = frozenset({"less", "at_most", "more", "at_least"})
DATE_OPS = frozenset({"before", "after", "on"})
DAY_OPS = frozenset({"within_last", "within_next", "longer_ago", "birthday_within"})
VALUELESS_OPS = frozenset({"empty", "is_true", "is_false"})
MAX_DEPTH = 20
MAX_RECENT = 60
"""The campaigns of a contact's history that are kept as bits; see the mart fct_contact_history."""
MAX_DAYS = 36_600

Days = Annotated[int, Field(ge=0, le=MAX_DAYS)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Everyone(_Node):
    """All contacts of the account."""

    kind: Literal["everyone"] = "everyone"


class InGroup(_Node):
    """Members of a static group, by its name."""

    kind: Literal["group"] = "group"
    name: str


class InSegment(_Node):
    """Members of another saved segment, by its name."""

    kind: Literal["segment"] = "segment"
    name: str


class FieldIs(_Node):
    """A comparison of one field. Custom fields are named by their header.

    Days are counted in the account's calendar; `equals` with a number compares numbers.
    """

    kind: Literal["field"] = "field"
    field: Name
    op: Literal[
        "equals", "contains", "starts_with", "ends_with", "in", "less", "at_most", "more", "at_least", "empty",
        "before", "after", "on", "within_last", "within_next", "longer_ago", "birthday_within", "is_true", "is_false",
    ]  # fmt: skip
    value: str | float | list[str] | None = None


class HasConsent(_Node):
    """What a contact said last of one purpose, and for marketing how many days ago.

    `lapsed` was granted, but so long ago that it must be confirmed.
    """

    kind: Literal["consent"] = "consent"
    purpose: Literal["marketing", "open_tracking", "click_tracking"] = "marketing"
    state: Literal["granted", "withdrawn", "unknown", "lapsed"] = "granted"
    older_than_days: Days | None = None
    newer_than_days: Days | None = None

    @model_validator(mode="after")
    def _only_marketing_has_an_age(self) -> Self:
        aged = self.older_than_days is not None or self.newer_than_days is not None or self.state == "lapsed"
        if aged and (self.purpose != "marketing" or self.state == "unknown"):
            raise ValueError("only an answer about marketing has an age")
        return self


class Engaged(_Node):
    """What a contact did with what it was sent, by human acts alone.

    `opened` and `not_opened` look only at messages whose opens may be measured; `not_opened` and `not_clicked` hold
    for those who were sent something of the kind and did nothing with any of it; `reached` is what was delivered and
    did not come back. `last` asks of the last N campaigns sent to that contact; `days` of acts (and for the others also
    of messages) of the last N days.
    """

    kind: Literal["engaged"] = "engaged"
    did: Literal["opened", "clicked", "not_opened", "not_clicked", "received", "reached"]
    last: Annotated[int, Field(ge=1, le=MAX_RECENT)] | None = None
    campaign: int | None = None
    days: Days | None = None
    link: int | None = None
    url: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    at_least: Annotated[int, Field(ge=1, le=100_000)] = 1
    counting: Literal["campaigns", "times"] = "campaigns"

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if self.did == "reached" and self.last is not None:
            raise ValueError("'last' counts what was sent, not what was reached")
        if self.last is not None and (
            self.counting == "times"
            or any(given is not None for given in (self.campaign, self.days, self.link, self.url))
        ):
            raise ValueError("'last' goes with 'at_least' campaigns alone, not with campaign, days, link, url or times")
        if (self.link is not None or self.url is not None) and "clicked" not in self.did:
            raise ValueError("only a click has a link")
        if self.at_least > 1 and self.did in {"not_opened", "not_clicked"}:
            raise ValueError(f"{self.did} takes no number")
        return self


class Bounced(_Node):
    """Whose last bounce that stands is of one of these classes (of any, where none is named), in the last N days."""

    kind: Literal["bounced"] = "bounced"
    classes: tuple[Literal["npai", "hard", "soft", "transient", "block", "unknown"], ...] = ()
    days: Days | None = None


class Suppressed(_Node):
    """Whose address gets nothing any more, for one of these reasons (for any, where none is named)."""

    kind: Literal["suppressed"] = "suppressed"
    reasons: tuple[Name, ...] = ()


class UsedDevice(_Node):
    """Who opened or clicked on a kind of device, as the user agent says, in the last N days."""

    kind: Literal["device"] = "device"
    device: Literal["mobile", "tablet", "desktop"]
    days: Days | None = None


class Visited(_Node):
    """Who saw a page whose address holds a text (any page, where none is given), at least so many times."""

    kind: Literal["visited"] = "visited"
    page: Annotated[str, Field(max_length=4000)] = ""
    days: Days | None = None
    at_least: Annotated[int, Field(ge=1, le=100_000)] = 1


class Converted(_Node):
    """Who bought or did what counts as a conversion, in the last N days, at least so many times."""

    kind: Literal["converted"] = "converted"
    days: Days | None = None
    at_least: Annotated[int, Field(ge=1, le=100_000)] = 1


class AllOf(_Node):
    """Every part holds."""

    kind: Literal["and"] = "and"
    parts: Annotated[tuple[Tree, ...], Field(min_length=1, max_length=100)]


class AnyOf(_Node):
    """At least one part holds."""

    kind: Literal["or"] = "or"
    parts: Annotated[tuple[Tree, ...], Field(min_length=1, max_length=100)]


class Not(_Node):
    """The part doesn't hold."""

    kind: Literal["not"] = "not"
    part: Tree


Tree = Annotated[
    Everyone | InGroup | InSegment | FieldIs | HasConsent | Engaged | Bounced | Suppressed | UsedDevice | Visited
    | Converted | AllOf | AnyOf | Not,
    Field(discriminator="kind"),
]  # fmt: skip
for _model in (AllOf, AnyOf, Not):
    _model.model_rebuild()
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Tree)

BEHAVIOUR = (Engaged, Bounced, UsedDevice, Visited, Converted)
"""Nodes that are answered from the lake and the marts."""


def parse_tree(raw: object, *, where: str = "segment") -> Any:
    """A tree from plain data (JSON).

    Raises: BadInput that names the place in the tree.
    """
    try:
        tree = _ADAPTER.validate_python(raw)
    except (ValidationError, RecursionError) as exc:
        place, fault = "", "it is nested too deeply"
        if isinstance(exc, ValidationError):
            first = exc.errors()[0]
            place, fault = ".".join(map(str, first["loc"])), first["msg"]
        raise BadInput(f"{where}: {fault} at {place or 'its root'}", code="bad_segment", field=place) from exc
    if depth(tree) > MAX_DEPTH:
        raise BadInput(f"{where} is nested more than {MAX_DEPTH} deep", code="bad_segment")
    return tree


def as_json(tree: Any) -> Any:
    """Plain data for a JSON column."""
    return _ADAPTER.dump_python(tree, mode="json", exclude_none=True)


def parts_of(tree: Any) -> tuple[Any, ...]:
    """The trees right below a tree."""
    match tree:
        case AllOf() | AnyOf():
            return tuple(tree.parts)
        case Not():
            return (tree.part,)
        case _:
            return ()


def walk(tree: Any) -> Iterator[Any]:
    """A tree and all trees within it."""
    yield tree
    for part in parts_of(tree):
        yield from walk(part)


def depth(tree: Any) -> int:
    """How deep a tree is nested; a single clause is 1."""
    return 1 + max(map(depth, parts_of(tree)), default=0)


def nested_names(tree: Any) -> set[str]:
    """The saved segments that a tree speaks of."""
    return {node.name for node in walk(tree) if isinstance(node, InSegment)}


def resolve(tree: Any, saved: Mapping[str, Any], *, seen: tuple[str, ...] = ()) -> Any:
    """The tree with each saved segment that it names put in its place.

    Raises: BadInput for a segment that is not there, one that holds itself, and a whole nested too deep.
    """
    match tree:
        case InSegment(name=name):
            if name in seen:
                chain = " → ".join((*seen, name))
                raise BadInput(f"segment {name!r} holds itself: {chain}; take one of them out", code="bad_segment")
            if name not in saved:
                raise BadInput(f"there is no segment {name!r}: save it first", code="bad_segment", field=name)
            found = resolve(saved[name], saved, seen=(*seen, name))
        case AllOf(parts=parts):
            found = AllOf.model_construct(kind="and", parts=tuple(resolve(p, saved, seen=seen) for p in parts))
        case AnyOf(parts=parts):
            found = AnyOf.model_construct(kind="or", parts=tuple(resolve(p, saved, seen=seen) for p in parts))
        case Not(part=part):
            found = Not.model_construct(kind="not", part=resolve(part, saved, seen=seen))
        case _:
            return tree
    if depth(found) > 2 * MAX_DEPTH:
        raise BadInput(f"with its saved segments this is nested more than {2 * MAX_DEPTH} deep", code="bad_segment")
    return found
