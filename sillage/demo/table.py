"""A demo's result as a table, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sillage.demo.once import Result

_COLUMNS = (
    ("variant", "name"), ("sent", "sent"), ("delivered", "delivered"), ("opened", "human_opened"),
    ("clicked", "human_clicked"), ("unsub.", "unsubscribed"), ("compl.", "complained"), ("open", "open_rate"),
    ("click", "click_rate"), ("react.", "reactivity_rate"), ("bounce", "bounce_rate"),
)  # fmt: skip


def as_table(result: Result) -> str:
    """One table a campaign, with its balance sheet above and the post office's count below."""
    lines: list[str] = []
    for campaign in result.campaigns:
        balance = " + ".join(f"{n:,} {state}" for state, n in campaign["balance"].items() if n)
        lines += [f"{campaign['name']}: {campaign['audience']:,} people = {balance}", ""]
        rows = [[head for head, _ in _COLUMNS]]
        rows += [[_cell(variant[key]) for _, key in _COLUMNS] for variant in campaign["variants"]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        lines.append("")
    office = result.post_office
    taken, distinct = office["accepted"], office["distinct_message_ids"]
    lines.append(f"The post office took {taken:,} messages, {distinct:,} of them distinct.")
    lines.append(", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items()))
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"  # noqa: RUF001
    if isinstance(value, float):
        return f"{100 * value:.2f} %"
    return f"{value:,}" if isinstance(value, int) else str(value)
