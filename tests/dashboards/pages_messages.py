"""Every text that the pages may say, found in their code."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dashboards import (
    ab_form,
    ab_result,
    advice,
    again_parts,
    approval_parts,
    behaviour_form,
    breakdown_parts,
    consent_panel,
    deliverability_parts,
    demands,
    draft_checks,
    editor_words,
    figures,
    frame,
    guide,
    hygiene_words,
    import_columns,
    import_form,
    import_undo,
    list_parts,
    recurring_parts,
    report_out,
    segment_form,
    take_in_parts,
    template_parts,
    terms,
    trend_parts,
    trial_send,
)
from sillage.alarm import words as alarm_words
from sillage.campaign import sentence
from sillage.content import accessibility, spam
from sillage.domain.segment_presets import PRESETS
from sillage.domain.sharing import NAMES, Network
from sillage.settings import ROOT

FILES = sorted((ROOT / "dashboards").rglob("*.py"))
TABLES = (
    ab_form.CRITERIA, ab_form.DECIDE, ab_form.OTHERWISE, ab_result.RATES,
    terms.CAMPAIGN_STATES, terms.HAND_OVERS, terms.KINDS, terms.BOUNCE_CLASSES, terms.REASONS, terms.METRICS,
    terms.FOLLOWS, terms.WINDOWS, segment_form.OPS, segment_form.FIELDS, import_form.QUESTIONS,
    import_form.MODES, import_form.WINS, import_form.CONFLICTS, import_columns.COLUMN_FIELDS, import_columns.TYPES,
    import_undo.STAYED, terms.REFUSALS, consent_panel.PURPOSES, consent_panel.STATES, consent_panel.BASES,
    behaviour_form.KINDS, behaviour_form.DID, behaviour_form.SCOPES, sentence.FIELDS,
    sentence.DAY_OPS, sentence.DID, sentence.RECENT, sentence.CONSENT, sentence.PURPOSES, sentence.DEVICES,
    {name: name for name in PRESETS}, {Network.EMAIL: NAMES[Network.EMAIL]},
    deliverability_parts.PARTS, deliverability_parts.SAID, alarm_words.METRICS,
    alarm_words.LEVELS, alarm_words.FOLLOWS, list_parts.LISTS, list_parts.NOTES, list_parts.FIELDS,
    editor_words.LABELS, editor_words.FAULTS, editor_words.MAIL, draft_checks.STATES, accessibility.ADVICE,
    take_in_parts.WAYS, breakdown_parts.DEVICES, report_out.EVERY, trend_parts.KINDS,
    {day: day for day in report_out.WEEKDAYS},
    approval_parts.STATES, trial_send.STATES, again_parts.WHO,
    recurring_parts.HOW, recurring_parts.STATES, recurring_parts.HAPPENED, recurring_parts.CLOCKS,
)  # fmt: skip


def every_message() -> set[tuple[str, str | None]]:
    """Each text with its plural, where it has one."""
    found: set[tuple[str, str | None]] = {(text, None) for table in TABLES for text in table.values()}
    found |= {(terms.PROVIDERS["other"], None)} | {(reason, None) for _, _, reason in figures.RATES.values()}
    found |= {(text, None) for said in hygiene_words.TITLES.values() for text in said}
    found |= set(hygiene_words.BUTTONS.values())
    found |= {(terms.meanings()[metric], None) for metric in (*figures.RATES, "share_count", "visit_count")}
    found |= {(text, None) for text in spam.advices()}
    found |= {(text, None) for rule in advice.rules() for text in (rule.text, rule.label)}
    found |= {(demand.text, None) for demand in demands.demands()}
    found |= {(text, None) for step in guide.steps(guide.Facts(*[False] * 6)) for text in (step.text, step.why)}
    for table in (frame.ROLES, template_parts.CATEGORIES, template_parts.NAMES):
        found |= {(text, None) for text in table.values()}
    found |= {(text, None) for text in recurring_parts.WEEKDAYS}
    found |= {(text, None) for text in ("Account", "Campaign", "Provider", "Value", "Usual", "Critical from")}
    for path in FILES:
        found |= set(_in_code(ast.parse(path.read_text("utf-8"))))
    return found


def _in_code(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="t"), args=[first, *_]):
                yield from ((text, None) for text in _texts(first))
            case ast.Call(
                func=ast.Attribute(attr="n"), args=[ast.Constant(value=str(one)), ast.Constant(value=many), *_]
            ):
                yield one, many
            # `words.t(h) for h in ("Variant", …)` and `for label, … in (("Sent", …), …)`
            case ast.ListComp(elt=ast.Call(func=ast.Attribute(attr="t")), generators=[ast.comprehension(iter=of)]):
                yield from ((text, None) for text in _texts(of))
            case ast.Assign(targets=[ast.Name(id="steps")], value=ast.Tuple(elts=rows)):
                yield from ((text, None) for row in rows for text in _texts(row.elts[0]))  # type: ignore[attr-defined]
            case ast.For(target=ast.Tuple(elts=[ast.Name(id="label"), *_]), iter=ast.Tuple(elts=rows)):
                yield from ((text, None) for row in rows for text in _texts(row.elts[0]))  # type: ignore[attr-defined]
            case ast.Assign(targets=[ast.Name(id="STATES")], value=ast.Dict(values=values)):
                yield from ((text, None) for value in values for text in _texts(value))
            case _:
                pass


def _texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _texts(part)
        case ast.Subscript(value=ast.Dict(values=values)):
            for value in values:
                yield from _texts(value)
        case _:
            pass
