"""Merge fields in Liquid: what may stand in a template, what it needs, and how it is filled.

Liquid, not Jinja2: it is what marketers know from the services they come from, it has no way to reach Python
objects by design (CVE-2025-27516 is a sandbox that leaked), and its syntax tree can be compiled to segments.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liquid import BoundTemplate, Environment, Node, RenderContext
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.tags.case_tag import CaseNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import FilterArgumentError, LiquidError
from liquid.filter import string_filter
from markupsafe import Markup

from sillage.errors import BadInput

MAX_TEMPLATE_CHARS = 2_000_000
MAX_FILTER_CHARS = 1_000_000

Fields = Mapping[str, Any]
"""A contact's merge fields: standard fields by name, custom ones by their header, missing ones absent or empty."""


class _Limited(Environment):
    """Liquid with bounds, so that no template runs or grows without end."""

    loop_iteration_limit = 10_000
    local_namespace_limit = 100_000
    output_stream_limit = 5_000_000
    context_depth_limit = 20


_HTML = _Limited(autoescape=True)
_TEXT = _Limited(autoescape=False)


def _replace(text: str, old: str, new: str = "") -> str:
    """Liquid's `replace`, refused before it grows without end."""
    old, new = str(old), str(new)
    if len(text) + text.count(old) * len(new) > MAX_FILTER_CHARS:
        raise FilterArgumentError("replace would make a text that is too long", token=None)
    return text.replace(old, new)


def _join(items: Any, separator: str = " ") -> str:
    """Liquid's `join`, refused before it grows without end."""
    parts = [str(item) for item in items] if isinstance(items, list | tuple) else [_text(items)]
    if sum(map(len, parts)) + len(parts) * len(str(separator)) > MAX_FILTER_CHARS:
        raise FilterArgumentError("join would make a text that is too long", token=None)
    return str(separator).join(parts)


for _environment in (_HTML, _TEXT):
    _environment.add_filter("replace", string_filter(_replace))
    _environment.add_filter("join", _join)
# Tags that read other templates; we have none to read.
for _tag in ("include", "render", "extends", "block"):
    _HTML.tags.pop(_tag, None)
    _TEXT.tags.pop(_tag, None)


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a message that depends on the recipient."""

    fill: Callable[[Fields], str]


def parse(source: str, *, where: str, is_html: bool) -> BoundTemplate:
    """Parse a template.

    Raises: BadInput that names the template, the line and what is wrong.
    """
    if len(source) > MAX_TEMPLATE_CHARS:
        raise BadInput(f"{where} has {len(source):,} characters; {MAX_TEMPLATE_CHARS:,} is the most", code="too_large")
    environment = _HTML if is_html else _TEXT
    try:
        template = environment.from_string(source)
    except (LiquidError, RecursionError) as exc:
        raise BadInput(f"{where} does not parse: {_said(exc)}", code="template_syntax", field=where) from exc
    unknown = sorted(set(template.filter_names()) - set(environment.filters))
    if unknown:
        raise BadInput(f"{where} uses a filter that does not exist: {', '.join(unknown)}", code="template_syntax")
    return template


def _said(exc: Exception) -> str:
    if isinstance(exc, LiquidError) and exc.token is not None:
        line = exc.token.source.count("\n", 0, max(exc.token.start_index, 0)) + 1
        return f"{exc.message} (line {line})"
    return str(exc) or "it is nested too deeply"


def split(template: BoundTemplate) -> list[str | Hole]:
    """The template as fixed text and holes, in order. A condition or a loop is one hole, rendered by itself.

    A template that assigns or captures can't be cut apart: it becomes one hole.
    """
    if any(type(node).__name__ in {"AssignNode", "CaptureNode", "IncrementNode", "DecrementNode"}
           for node in _walk(template.nodes)):  # fmt: skip
        return [Hole(lambda fields: _render(template, template.nodes, fields))]
    parts: list[str | Hole] = []
    for node in template.nodes:
        fixed = getattr(node, "text", None)
        if type(node).__name__ == "ContentNode" and isinstance(fixed, str):
            if parts and isinstance(parts[-1], str):
                parts[-1] += fixed
            else:
                parts.append(fixed)
        else:
            parts.append(_hole(template, node))
    return parts


def _hole(template: BoundTemplate, node: Node) -> Hole:
    simple = _plain_field(node)
    if simple is not None:
        name, default = simple
        escape = _escape if template.env.autoescape else str
        return Hole(lambda fields: escape(_text(fields.get(name)) or default))
    return Hole(lambda fields: _render(template, [node], fields))


def _plain_field(node: Node) -> tuple[str, str] | None:
    """`{{ name }}` or `{{ name | default: "text" }}`, which need no engine to be filled: (name, default)."""
    expression = getattr(node, "expression", None)
    if type(node).__name__ != "OutputNode" or not isinstance(expression, FilteredExpression):
        return None
    left, filters = expression.left, expression.filters or []
    if not isinstance(left, Path) or len(left.path) != 1 or not isinstance(left.path[0], str):
        return None
    if not filters:
        return left.path[0], ""
    if len(filters) == 1 and filters[0].name == "default" and len(filters[0].args) == 1:
        value = getattr(filters[0].args[0].value, "value", None)
        if isinstance(value, str):
            return left.path[0], value
    return None


def _escape(text: str) -> str:
    """Most names need no escaping, and to see that costs less than to do it."""
    return text if text.isalnum() else html.escape(text)


def _text(value: object) -> str:
    return "" if value is None or value is False else str(value)


def _render(template: BoundTemplate, nodes: Sequence[Node], fields: Fields) -> str:
    context = RenderContext(template, globals={k: v for k, v in fields.items() if v not in (None, "")})
    out = context.get_buffer()
    try:
        for node in nodes:
            node.render(context, out)
    except LiquidError as exc:
        raise BadInput(f"can't be rendered: {exc.message}", code="render_failed") from exc
    text = out.getvalue()
    return str(text) if isinstance(text, Markup) else text


def needed_fields(template: BoundTemplate) -> set[str]:
    """Fields that are printed with no default and outside any condition that asks for them."""
    own = template.analyze(include_partials=False).locals
    return set(_needed(template.nodes, frozenset())) - set(own)


_SEGMENT = re.compile(r"""\bsegments\s+contains\s+(?:"([^"]*)"|'([^']*)')""")


def segments_named(*sources: str) -> list[str]:
    """The segments that templates ask for, as `{% if segments contains "VIP" %}` does, by name."""
    tags = (tag for source in sources for tag in re.findall(r"\{%.*?%\}", source, re.DOTALL))
    return sorted({found[1] or found[2] or "" for tag in tags for found in _SEGMENT.finditer(tag)} - {""})


def all_fields(template: BoundTemplate) -> set[str]:
    """Every field that the template names."""
    return set(template.global_variables())


def _needed(nodes: Sequence[Node], asked: frozenset[str]) -> Iterator[str]:
    for node in nodes:
        expression = getattr(node, "expression", None)
        if type(node).__name__ == "OutputNode" and isinstance(expression, FilteredExpression):
            has_default = any(f.name == "default" for f in expression.filters or [])
            left = expression.left
            if isinstance(left, Path) and not has_default and isinstance(left.path[0], str):
                name = left.path[0]
                if name not in asked:
                    yield name
        inner = asked
        if isinstance(node, IfNode | UnlessNode | CaseNode):
            inner = asked | _named_in(node)
        elif type(node).__name__ in {"ForNode", "TablerowNode", "AssignNode", "CaptureNode"}:
            inner = asked | _bound_by(node)
        yield from _needed(_children(node), inner)


def _named_in(node: Node) -> frozenset[str]:
    """Names in the conditions of a branch, at any depth: inside it they have been asked for."""
    names: set[str] = set()
    queue: list[Any] = list(node.expressions())
    for child in _children(node):
        queue.extend(child.expressions() if hasattr(child, "expressions") else [])
    while queue:
        expression = queue.pop()
        if isinstance(expression, Path) and isinstance(expression.path[0], str):
            names.add(expression.path[0])
        queue.extend(expression.children())
    return frozenset(names)


def _bound_by(node: Node) -> frozenset[str]:
    names = {str(name) for name in node.block_scope()} if hasattr(node, "block_scope") else set()
    return frozenset(names | {"forloop", "tablerowloop"})


def _children(node: Node) -> list[Node]:
    # Only what is inside the template itself; there is no other template to read.
    return list(node.children(_NO_CONTEXT, include_partials=False))


def _walk(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(_children(node))


_NO_CONTEXT = RenderContext(_TEXT.from_string(""))
