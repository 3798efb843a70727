"""The field's terms: what states, reasons, classes and metrics of the core are called, and what each metric means.

The meanings are the very texts of dbt's documentation, so that a page can't say something else than the model.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from dashboards.words import NOTHING, Words, plain
from sillage.settings import ROOT

MEANINGS_PATH = ROOT / "dbt" / "models" / "docs.md"
_BLOCK = re.compile(r"{%\s*docs\s+(\w+)\s*%}(.*?){%\s*enddocs\s*%}", re.DOTALL)

# Each code of the core with its English; catalogues have the French. Words that nobody knows are shown as they are.
CAMPAIGN_STATES = {
    "draft": "draft",
    "approval": "waits for approval",
    "scheduled": "scheduled",
    "planning": "being planned",
    "planned": "ready to leave",
    "sending": "sending",
    "waiting": "only retries left",
    "paused": "paused",
    "held": "held: its time has passed",
    "closed": "closed",
    "cancelled": "cancelled",
}
HAND_OVERS = {
    "accepted": "accepted",
    "refused": "refused",
    "failed": "failed on our side",
    "suppressed": "suppressed",
    "skipped": "skipped",
    "in_doubt": "in doubt",
    "waiting": "waiting",
}
KINDS = {"marketing": "marketing", "transactional": "transactional", "service": "service"}
BOUNCE_CLASSES = {
    "npai": "nobody at this address (NPAI)",
    "hard": "hard: address or domain takes no mail",
    "soft": "soft: mailbox can't take it now",
    "transient": "transient: given up after retries",
    "block": "block: the sender has a problem",
    "unknown": "unknown: to look at",
}
BOUNCE_FOLLOWS = {
    "deactivate": "deactivate at once",
    "count": "keep and count",
    "retry": "keep, and try again with the next campaign",
    "warn": "keep, and warn the sender",
}
LOOP_KINDS = {"individual": "each complaint", "aggregated": "sums only", "none": "nothing"}
SUM_SOURCES = {"postmaster": "Gmail Postmaster Tools", "snds": "Outlook.com SNDS", "signal_spam": "Signal Spam"}
MAIL_KINDS = {
    "bounce": "bounce",
    "complaint": "complaint",
    "autoreply": "automatic reply",
    "challenge": "challenge",
    "unsubscribe": "wish to leave",
    "delivered": "success report",
    "not_bounce": "other mail",
}
UNMATCHED = {"unmatched": "no recipient found", "unrecognised": "no rule knows it"}
REASONS = {
    "no_address": "no e-mail address",
    "npai": "nobody at this address (NPAI)",
    "hard_bounce": "hard bounce before",
    "soft_bounce": "removed after soft bounces",
    "complaint": "complained before",
    "erased": "erased",
    "manual": "blocked by hand",
    "unsubscribed": "unsubscribed",
    "consent_missing": "no consent to marketing",
    "consent_too_old": "consent older than three years",
    "installation": "blocked for the whole installation",
    "domain_suppressed": "its domain is suppressed",
    "duplicate_in_file": "twice in the file",
    "unknown_user": "unknown user",
    "moved": "moved",
    "invalid_address": "invalid address",
    "invalid_domain": "no such domain",
    "host_accepts_no_mail": "host takes no mail",
    "mailbox_full": "mailbox full",
    "account_disabled": "account disabled",
    "message_too_big": "message too big",
    "system_full": "system full",
    "expired": "expired",
    "hold_out": "held out: they get nothing, to measure the campaign against",
    "winner_not_chosen": "the winner was not chosen",
    "network": "network",
    "system": "system",
    "mailer": "mailer",
    "tls": "TLS",
    "rate_limited": "too many at once",
    "greylisted": "greylisted",
    "spam": "taken for spam",
    "policy": "policy",
    "reputation": "reputation",
    "authentication": "authentication",
    "content": "content",
    "relay_denied": "relaying denied",
    "protocol": "protocol",
    "filtered": "filtered",
    "frequency_cap": "frequency cap",
    "session_broke": "the session broke",
    "worker_died": "a worker died",
    "worker_left": "a worker left",
}
PROVIDERS = {
    "gmail": "Gmail",
    "outlook": "Outlook",
    "yahoo": "Yahoo",
    "orange": "Orange",
    "free": "Free",
    "sfr": "SFR",
    "laposte": "La Poste",
    "icloud": "iCloud",
    "gmx": "GMX",
    "other": "other providers",
}
METRICS = {
    "sent": "Sent",
    "delivered": "Delivered",
    "open_rate": "Openers",
    "click_rate": "Clickers",
    "reactivity_rate": "Click-to-open",
    "bounce_rate": "Bounces",
    "permanent_bounce_rate": "NPAI and hard bounces",
    "unsubscribe_rate": "Unsubscribes",
    "complaint_rate": "Complaints",
    "refusal_rate": "Deferred or blocked",
    "soft_bounces": "Soft bounces of one contact",
    "delivery_rate": "Delivered",
    "delivery_drop": "Drop of delivery",
    "open_rate_anomaly": "Unusual openers",
}
FOLLOWS = {
    "pause": "the campaign pauses itself",
    "pause_slice": "this provider's part pauses itself",
    "tell": "nothing stops by itself",
    "recommend_removal": "removal is recommended",
}
PAUSES = {
    "by hand": "by hand",
    "its time passed while nothing was running": "its time passed while nothing was running",
}
"""What the engine says by itself of a campaign that it does not send on."""
WINDOWS = {
    "campaign": "whole campaign",
    "24 h": "last 24 hours",
    "1 h": "last hour",
    "15 min": "last 15 minutes",
    "90 days": "last 90 days",
}
# Rates so small that one digit would hide them.
FINE = {"complaint_rate", "unsubscribe_rate"}
STATE_COLOURS = {
    "sending": "green",
    "waiting": "green",
    "planned": "blue",
    "planning": "blue",
    "scheduled": "blue",
    "approval": "orange",
    "paused": "orange",
    "held": "orange",
    "cancelled": "gray",
    "draft": "gray",
    "closed": "gray",
}
STATE_ICONS = {
    "sending": ":material/send:",
    "waiting": ":material/schedule_send:",
    "planned": ":material/task_alt:",
    "planning": ":material/event_note:",
    "scheduled": ":material/event:",
    "approval": ":material/hourglass_top:",
    "paused": ":material/pause_circle:",
    "held": ":material/front_hand:",
    "cancelled": ":material/cancel:",
    "draft": ":material/edit_note:",
    "closed": ":material/done_all:",
}


REFUSALS = {
    "empty": "there is no address",
    "invalid_address": "this is no e-mail address",
    "invalid_domain": "the part after @ is no public domain",
    "local_part_too_long": "the part before @ is too long",
    "several_addresses": "several addresses in one cell",
    "address_literal": "an IP address instead of a domain",
    "quoted_local_part": "the part before @ is quoted",
    "control_character": "a control character or a line end",
    "invalid_phone": "no phone number that can be dialled",
    "too_many_cells": "more cells than columns",
    "cell_too_large": "a cell is too large",
    "duplicate_in_file": "an address that another row has",
}


def cell(value: str) -> str:
    """A cell of somebody's file in a table of ours."""
    return plain(value) or NOTHING


def term(words: Words, table: dict[str, str], code: str | None) -> str:
    """What a code is called."""
    if not code:
        return NOTHING
    return words.t(table[code]) if code in table else code


def digits(metric: str) -> int:
    """How many digits a rate needs to be told from its thresholds."""
    return 2 if metric in FINE else 1


def meaning(words: Words, metric: str) -> str | None:
    """What a metric is: numerator, denominator, window, exclusions, source."""
    text = meanings().get(metric)
    return words.t(text) if text else None


@cache
def meanings(path: Path = MEANINGS_PATH) -> dict[str, str]:
    """Dbt's documentation blocks by name, each as one line."""
    if not path.exists():
        return {}
    return {name: " ".join(text.split()) for name, text in _BLOCK.findall(path.read_text("utf-8"))}
