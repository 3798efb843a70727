"""What a segment means, said again in plain Python over plain rows: the oracle that the SQL is compared with."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
HAND_OVER = ("accepted", "bounced", "failed", "suppressed", "skipped")
GRAVITY = ("unknown", "transient", "soft", "block", "hard", "npai")
HEARD = {"opened", "clicked", "unsubscribed", "complained", "autoreplied", "withdrew"}
STANDARD = ("email", "phone", "first_name", "last_name", "company", "country", "city", "postcode", "language",
            "birthday", "provider", "source")  # fmt: skip


@dataclass
class Send:
    """One campaign and one contact."""

    campaign: int
    at: datetime | None
    sent: bool
    measurable: bool
    bounce: tuple[datetime, str] | None
    opens: list[datetime]
    clicks: list[tuple[datetime, int | None, int | None]]


@dataclass(repr=False)
class Oracle:
    """One account's contacts with all that is known of them."""

    contacts: list[Row]
    groups: dict[str, set[int]]
    consents: dict[int, Row]
    suppressed: dict[bytes, str]
    events: list[Row]
    agents: dict[Any, str]
    links: dict[str, set[tuple[int, int]]]
    now: datetime
    zone: str
    sends: dict[int, list[Send]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        verdicts: dict[Any, tuple[datetime, bool]] = {}
        for e in self.events:
            if e["type"] == "judged" and (
                e["subject_id"] not in verdicts or e["occurred_at"] >= verdicts[e["subject_id"]][0]
            ):
                verdicts[e["subject_id"]] = (e["occurred_at"], e["is_machine"])
        pairs: dict[tuple[int, int], dict[Any, Row]] = defaultdict(dict)
        for e in self.events:
            if e["campaign_id"] is None or e["contact_id"] is None or e["is_test"] or e["type"] == "judged":
                continue
            machine = verdicts[e["event_id"]][1] if e["event_id"] in verdicts else bool(e["is_machine"])
            pairs[e["campaign_id"], e["contact_id"]][e["event_id"]] = {**e, "is_machine": machine}
        self.sends = defaultdict(list)
        for (campaign, contact), events in pairs.items():
            self.sends[contact].append(_send(campaign, list(events.values())))
        for sends in self.sends.values():
            sends.sort(key=lambda s: (s.at or datetime.min.replace(tzinfo=UTC), s.campaign), reverse=True)

    def members(self, tree: Row) -> set[int]:
        """Ids of those for whom the tree holds."""
        return {c["id"] for c in self.contacts if self.holds(tree, c)}

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.zone)).date()

    def since(self, days: int | None) -> datetime:
        """The start of the day so many days ago, in the account's zone."""
        if days is None:
            return datetime.min.replace(tzinfo=UTC)
        day = self.today - timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def holds(self, tree: Row, who: Row) -> bool:  # noqa: C901, PLR0911  # one line for each kind of node
        """Whether a tree holds for a contact."""
        match tree["kind"]:
            case "everyone":
                return True
            case "and":
                return all(self.holds(p, who) for p in tree["parts"])
            case "or":
                return any(self.holds(p, who) for p in tree["parts"])
            case "not":
                return not self.holds(tree["part"], who)
            case "group":
                return who["id"] in self.groups.get(tree["name"], set())
            case "field":
                return self.field_holds(tree, who)
            case "consent":
                return self.consent_holds(tree, self.consents.get(who["id"]))
            case "suppressed":
                reason = self.suppressed.get(who["email_hash"]) if who["email_hash"] else None
                return reason is not None and (not tree.get("reasons") or reason in tree["reasons"])
            case "engaged":
                return self.engaged(tree, self.sends.get(who["id"], []))
            case "bounced":
                bounces = [(s.bounce[0], s.campaign, s.bounce) for s in self.sends.get(who["id"], []) if s.bounce]
                found = max(bounces)[2] if bounces else None
                ok = found is not None and (not tree.get("classes") or found[1] in tree["classes"])
                return ok and found is not None and found[0] >= self.since(tree.get("days"))
            case kind:
                return self.seen(kind, tree, who["id"])

    def seen(self, kind: str, tree: Row, contact: int) -> bool:
        """Pages, conversions and devices, out of the events."""
        since, mine = self.since(tree.get("days")), [e for e in self.events if e["contact_id"] == contact]
        if kind == "device":
            return any(
                e["occurred_at"] >= since and _device(self.agents.get(e["event_id"])) == tree["device"]
                for e in mine
                if e["type"] in {"opened", "clicked"} and not e["is_machine"] and not e["is_test"]
            )
        wanted = {"visited": "page_viewed", "converted": "converted"}[kind]
        found = {
            e["event_id"]
            for e in mine
            if e["type"] == wanted and e["occurred_at"] >= since and _fold(tree.get("page", "")) in _fold(e["page"] or "")
        }
        return len(found) >= tree.get("at_least", 1)

    def engaged(self, tree: Row, sends: list[Send]) -> bool:
        """What a contact did with what it was sent."""
        did, least, since = tree["did"], tree.get("at_least", 1), self.since(tree.get("days"))
        if tree.get("last") is not None:
            recent = [s for s in sends if s.sent][: tree["last"]]
            opened = [s for s in recent if s.measurable and s.opens]
            clicked = [s for s in recent if s.clicks]
            match did:
                case "opened":
                    return len(opened) >= least
                case "clicked":
                    return len(clicked) >= least
                case "received":
                    return len(recent) >= least
                case "not_opened":
                    return any(s.measurable for s in recent) and not opened
                case _:
                    return bool(recent) and not clicked
        asked = [s for s in sends if tree.get("campaign") in {None, s.campaign}]
        hits: list[int] = []
        for send in asked:
            if did in {"opened", "not_opened"} and send.measurable:
                hits += [send.campaign] * sum(at >= since for at in send.opens)
            if did in {"clicked", "not_clicked"}:
                hits += [send.campaign] * sum(at >= since and self.is_link(tree, v, n) for at, n, v in send.clicks)
        got = [s for s in asked if s.sent and s.at is not None and s.at >= since]
        if did == "received":
            return len(got) >= least
        if did == "not_opened":
            return any(s.measurable and s.at is not None and s.at >= since for s in asked) and not hits
        if did == "not_clicked":
            return bool(got) and not hits
        return (len(hits) if tree.get("counting") == "times" else len(set(hits))) >= least

    def is_link(self, tree: Row, variant: int | None, number: int | None) -> bool:
        """Whether a click is on the link that is asked for."""
        if tree.get("link") is not None and number != tree["link"]:
            return False
        return tree.get("url") is None or (variant, number) in self.links.get(tree["url"], set())

    def consent_holds(self, tree: Row, held: Row | None) -> bool:
        """What was said last of a purpose."""
        said = held[tree["purpose"]] if held else None
        if tree["state"] == "unknown":
            return said is None
        if held is None or said is None:
            return False
        micros = timedelta(microseconds=1)
        at = held["marketing_at"]
        if tree["state"] == "lapsed":
            if said != "granted" or held["lapses_at"] is None or held["lapses_at"] > self.now:
                return False
        elif said != tree["state"]:
            return False
        older, newer = tree.get("older_than_days"), tree.get("newer_than_days")
        if (older is not None or newer is not None) and at is None:
            return False
        return (older is None or at <= self.since(older) - micros) and (newer is None or at >= self.since(newer))

    def field_holds(self, tree: Row, who: Row) -> bool:  # noqa: C901, PLR0911, PLR0912  # one line for each comparison
        """A comparison of one field."""
        name, op, value = tree["field"], tree["op"], tree.get("value")
        if name in {"created_at", "updated_at"}:
            return op != "empty" and self.day_holds(op, value, who[name].astimezone(ZoneInfo(self.zone)).date())
        raw = who[name] if name in STANDARD else who["custom"].get(name)
        text = "" if raw is None else str(raw).lower() if isinstance(raw, bool) else str(raw)
        if op == "empty":
            return text == ""
        if text == "":
            return False
        if op in {"is_true", "is_false"}:
            words = {"is_true": "true 1 yes oui vrai", "is_false": "false 0 no non faux"}[op].split()
            return _fold(text) in words
        if op in {"less", "at_most", "more", "at_least"} or (op == "equals" and isinstance(value, float)):
            if not re.fullmatch(r"[+-]?[0-9]{1,300}([.][0-9]{1,300})?([eE][+-]?[0-9]{1,2})?", text):
                return False
            ours, theirs = float(text), float(value)
            return {"less": ours < theirs, "at_most": ours <= theirs, "more": ours > theirs,
                    "at_least": ours >= theirs, "equals": ours == theirs}[op]  # fmt: skip
        if op in {"before", "after", "on", "within_last", "within_next", "longer_ago", "birthday_within"}:
            if not re.fullmatch(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}([T ].*)?", text):
                return False
            try:
                return self.day_holds(op, value, date.fromisoformat(text[:10]))
            except ValueError:
                return False
        if op == "in":
            return _fold(text) in [_fold(v) for v in value if v]
        wanted = _fold(str(value))
        if wanted == "":
            return False
        return {"equals": _fold(text) == wanted, "contains": wanted in _fold(text),
                "starts_with": _fold(text).startswith(wanted), "ends_with": _fold(text).endswith(wanted)}[op]  # fmt: skip

    def day_holds(self, op: str, value: Any, day: date) -> bool:
        """A comparison of a day."""
        if op in {"before", "after", "on"}:
            given = date.fromisoformat(value)
            return {"before": day < given, "after": day > given, "on": day == given}[op]
        days, today = int(value), self.today
        match op:
            case "within_last":
                return today - timedelta(days=days) <= day <= today
            case "within_next":
                return today <= day <= today + timedelta(days=days)
            case "longer_ago":
                return day < today - timedelta(days=days)
            case _:
                return any(_has_birthday(day, today + timedelta(days=n)) for n in range(days + 1))


def _has_birthday(born: date, on: date) -> bool:
    if (born.month, born.day) == (2, 29):
        try:
            date(on.year, 2, 29)
        except ValueError:
            return (on.month, on.day) == (2, 28)
    return (born.month, born.day) == (on.month, on.day)


def _fold(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))


def _device(agent: str | None) -> str | None:
    if agent is None:
        return None
    low = agent.lower()
    if any(w in low for w in ("ipad", "tablet", "kindle", "silk/")) or ("android" in low and "mobi" not in low):
        return "tablet"
    if any(w in low for w in ("mobi", "iphone", "ipod", "blackberry", "windows phone")):
        return "mobile"
    return "desktop" if any(w in low for w in ("windows", "macintosh", "x11", "linux", "cros")) else None


def _send(campaign: int, events: list[Row]) -> Send:
    def is_mail(e: Row) -> bool:
        return e["type"] == "bounced" and e["via"] == "mail"

    session = [e for e in events if e["type"] == "bounced" and not is_mail(e)]
    returned = [
        e for e in events if is_mail(e) and (e["bounce_class"] != "unknown" or (e["status"] or "").startswith("5."))
    ]
    attempts = [e for e in events if e["type"] in {"accepted", "in_doubt", "deferred"}] + session + returned
    attempts += [e for e in events if e["type"] == "failed" and (e["attempt"] or 0) > 0]
    ends = [e for e in events if e["type"] in HAND_OVER and not is_mail(e)]
    # Who has the message has it; of the others the last counts.
    last = max(ends, key=lambda e: (e["type"] == "accepted", e["occurred_at"], HAND_OVER.index(e["type"])), default=None)
    end = last["type"] if last else None
    acts = [e for e in events if e["type"] in {"opened", "clicked"} and not e["is_machine"]]
    doubtful = any(e["type"] == "in_doubt" for e in events)
    answered = bool(returned) or any(e["type"] in HEARD for e in events)
    taken = end == "accepted" or (end is None and doubtful and answered)
    refused = end == "bounced"
    bounced = refused or (bool(returned) and not acts)
    told = session if refused else returned
    bounce = None
    if bounced:
        when = (max if refused else min)(e["occurred_at"] for e in told)
        bounce = (when, max((e["bounce_class"] or "unknown" for e in told), key=GRAVITY.index))
    measured = any(e["opens_measured"] for e in events if e["type"] in {"accepted", "in_doubt"})
    return Send(
        campaign,
        min((e["occurred_at"] for e in attempts), default=None),
        bool(attempts),
        taken and not bounced and measured,
        bounce,
        [e["occurred_at"] for e in acts if e["type"] == "opened"],
        [(e["occurred_at"], e["link"], e["variant_id"]) for e in acts if e["type"] == "clicked"],
    )
