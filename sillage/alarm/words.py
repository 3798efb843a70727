"""An alert's change in words, in the account's language: subject and text of the mail that tells it."""

from __future__ import annotations

from typing import Any

from babel.numbers import format_decimal, format_percent

from sillage.i18n import catalogue, language_of

METRICS = {
    "complaint_rate": "Complaints",
    "unsubscribe_rate": "Unsubscribes",
    "permanent_bounce_rate": "NPAI and hard bounces",
    "refusal_rate": "Deferred or blocked",
    "delivery_drop": "Drop of delivery",
    "open_rate_anomaly": "Unusual openers",
    "queue_stuck": "Queue that stands still",
    "lake_lag": "Events that wait for the lake",
}
LEVELS = {"ok": "in order again", "warning": "warning", "critical": "critical"}
FOLLOWS = {
    "pause": "The campaign has paused itself; look at it, then resume or cancel it.",
    "pause_slice": "Its part at this provider has paused itself; look at it, then resume it.",
    "tell": "Nothing stops by itself.",
}
DASH = "\u2013"
_SECONDS = {"queue_stuck", "lake_lag"}


def subject(facts: dict[str, Any], *, locale: str, account: str) -> str:
    """One line; no line break of a name gets into a header."""
    t = catalogue(language_of(locale)).gettext
    text = f"[{account}] {t(METRICS[facts['metric']])}: {t(LEVELS[facts['level']])}"
    if facts.get("campaign"):
        text += f" {DASH} {facts['campaign']}"
    return " ".join(text.split())[:200]


def body(facts: dict[str, Any], *, locale: str, account: str, url: str) -> str:
    """What, how much of how many, against which line, what follows, where to look."""
    t = catalogue(language_of(locale)).gettext
    number = "fr_FR" if language_of(locale) == "fr" else "en_GB"

    def shown(value: float | None) -> str:
        if value is None:
            return DASH
        if facts["metric"] in _SECONDS:
            return f"{format_decimal(round(value), locale=number)} s"
        return str(format_percent(value, "#,##0.00\u00a0%", locale=number))

    lines = [f"{t('Account')}: {account}", f"{t(METRICS[facts['metric']])}: {t(LEVELS[facts['level']])}"]
    if facts.get("campaign"):
        lines.append(f"{t('Campaign')}: {' '.join(str(facts['campaign']).split())}")
    if facts.get("provider"):
        lines.append(f"{t('Provider')}: {facts['provider']}")
    value = shown(facts["value"])
    if facts.get("denominator"):
        n, of = (format_decimal(facts[k], locale=number) for k in ("numerator", "denominator"))
        value += f" ({n} / {of})"
    lines.append(f"{t('Value')}: {value}")
    if facts.get("usual_low") is not None:
        lines.append(f"{t('Usual')}: {shown(facts['usual_low'])} {DASH} {shown(facts['usual_high'])}")
    lines.append(f"{t('Critical from')}: {shown(facts['critical_at'])}")
    if facts["level"] == "critical":
        lines.append(t(FOLLOWS[facts["follows"]]))
    return "\n".join([*lines, "", url, ""])
