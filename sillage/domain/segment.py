"""A segment: a small expression tree over contacts, compiled to one SQL condition.

An empty value fails every comparison and `not` inverts it; text compares without case and accents.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sillage.errors import BadInput

STANDARD_FIELDS = frozenset(
    {"email", "phone", "first_name", "last_name", "company", "country", "city", "postcode", "language", "birthday",
     "provider", "source"}
)  # fmt: skip
MAX_DEPTH = 20


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Everyone(_Node):
    """All contacts of the account."""

    kind: Literal["everyone"] = "everyone"


class InGroup(_Node):
    """Members of a static group, by its name."""

    kind: Literal["group"] = "group"
    name: str


class FieldIs(_Node):
    """A comparison of one field. Custom fields are named by their header."""

    kind: Literal["field"] = "field"
    field: Annotated[str, Field(min_length=1, max_length=200)]
    op: Literal["equals", "contains", "starts_with", "in", "less", "at_most", "more", "at_least", "empty"]
    value: str | float | list[str] | None = None


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


Tree = Annotated[Everyone | InGroup | FieldIs | AllOf | AnyOf | Not, Field(discriminator="kind")]
for _model in (AllOf, AnyOf, Not):
    _model.model_rebuild()
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Tree)


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
    if _depth(tree) > MAX_DEPTH:
        raise BadInput(f"{where} is nested more than {MAX_DEPTH} deep", code="bad_segment")
    return tree


def as_json(tree: Any) -> Any:
    """Plain data for a JSON column."""
    return _ADAPTER.dump_python(tree, mode="json")


def _depth(tree: Any) -> int:
    match tree:
        case AllOf() | AnyOf():
            return 1 + max(map(_depth, tree.parts))
        case Not():
            return 1 + _depth(tree.part)
        case _:
            return 1


@dataclass(slots=True)
class Query:
    """A SQL condition for DuckDB over the relation `contacts`, with its values apart from its text."""

    sql: str
    params: list[Any] = field(default_factory=list)


def compile_segment(tree: Any) -> Query:
    """The condition of a tree. It never is null: a comparison with nothing is false.

    The relation has the standard fields as text columns, `custom` as JSON and `groups` as the list of group names.
    """
    params: list[Any] = []
    return Query(_compile(tree, params), params)


def _compile(tree: Any, params: list[Any]) -> str:
    match tree:
        case Everyone():
            return "true"
        case InGroup(name=name):
            params.append(name)
            return "id in (select contact_id from memberships where group_name = ?)"
        case Not(part=part):
            return f"(not {_compile(part, params)})"
        case AllOf(parts=parts):
            return "(" + " and ".join(_compile(p, params) for p in parts) + ")"
        case AnyOf(parts=parts):
            return "(" + " or ".join(_compile(p, params) for p in parts) + ")"
        case FieldIs():
            return _compare(tree, params)
        case _:
            raise AssertionError(tree)


# An empty text is no value: it fails every comparison.
_FOLDED = "strip_accents(lower(nullif({}, '')))"
_NUMBER_OPS = {"less": "<", "at_most": "<=", "more": ">", "at_least": ">="}


def _compare(node: FieldIs, params: list[Any]) -> str:
    column = _column(node.field, params)
    if node.op == "empty":
        return f"(coalesce({column}, '') = '')"
    if node.op in _NUMBER_OPS:
        params.append(_number(node))
        return f"coalesce(try_cast({column} as double) {_NUMBER_OPS[node.op]} ?, false)"
    folded = _FOLDED.format(column)
    value = _FOLDED.format("?")
    if node.op == "in":
        if not isinstance(node.value, list) or not node.value:
            raise BadInput(f"field {node.field!r}: 'in' takes a list of values", code="bad_segment", field=node.field)
        params.extend(node.value)
        return f"coalesce({folded} in ({', '.join([value] * len(node.value))}), false)"
    if not isinstance(node.value, str | float):
        raise BadInput(f"field {node.field!r}: {node.op} takes a value", code="bad_segment", field=node.field)
    params.append(_plain(node.value))
    match node.op:
        case "equals":
            return f"coalesce({folded} = {value}, false)"
        case "contains":
            return f"coalesce(contains({folded}, {value}), false)"
        case _:
            return f"coalesce(starts_with({folded}, {value}), false)"


def _plain(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else value


def _number(node: FieldIs) -> float:
    try:
        return float(node.value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise BadInput(
            f"field {node.field!r}: {node.op} takes a number", code="bad_segment", field=node.field
        ) from None


def _column(name: str, params: list[Any]) -> str:
    if name in STANDARD_FIELDS:
        return f'"{name}"'
    # A custom field's name is a value, never SQL text; as a JSON pointer its / and ~ are escaped (RFC 6901).
    params.append("/" + name.replace("~", "~0").replace("/", "~1"))
    return "json_extract_string(custom, ?)"
