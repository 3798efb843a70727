"""Merge fields as other services write them: found, named, and put into Liquid or kept as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sillage.content import merge
from sillage.errors import BadInput

KNOWN = {
    "fname": "first_name", "firstname": "first_name", "first_name": "first_name", "prenom": "first_name",
    "lname": "last_name", "lastname": "last_name", "last_name": "last_name", "nom": "last_name",
    "email": "email", "email_address": "email", "emailaddress": "email", "company": "company", "entreprise": "company",
    "city": "city", "ville": "city", "country": "country", "pays": "country", "phone": "phone", "zip": "postcode",
    "unsub": "unsubscribe_url", "unsubscribe": "unsubscribe_url", "unsubscribe_url": "unsubscribe_url",
    "unsubscribe_link": "unsubscribe_url", "unsubscribelink": "unsubscribe_url", "desinscription": "unsubscribe_url",
    "archive": "web_version_url", "mirror": "web_version_url", "webversion": "web_version_url",
    "view_online": "web_version_url", "view_in_browser": "web_version_url", "browser": "web_version_url",
    "list_address": "legal_identity", "html:list_address_html": "legal_identity", "sender_address": "legal_identity",
    "list:address": "legal_identity", "company_address": "legal_identity",
}  # fmt: skip
"""What a name elsewhere means here, without case. Source: the documentation of the services that use these names."""

OURS = frozenset(KNOWN.values()) | {"withdraw_tracking_url", "reason", "language", "birthday"}
KEPT = "="
"""The answer that keeps a field as text."""
_SYNTAXES = (
    re.compile(r"\*\|(?P<name>[A-Za-z][\w:.-]{0,60})\|\*"),
    re.compile(r"%%(?P<name>[A-Za-z_][\w. -]{0,60}?)%%"),
    re.compile(r"\[\[(?P<name>[A-Za-z_][\w. -]{0,60}?)\]\]"),
    re.compile(r"(?<!\[)\[(?P<name>unsubscribe|webversion|fname|firstname|lname|lastname)\](?!\])", re.IGNORECASE),
    re.compile(r"(?<![%\w])%(?:recipient\.)?(?P<name>[A-Za-z_]\w{1,60})%(?![%\w])"),
    re.compile(r"\{\{\{\s*(?P<name>[\w.]{1,60})\s*\}\}\}"),
    re.compile(r"<%=\s*(?P<name>[\w.]{1,60})\s*%>"),
    re.compile(r"(?<![{$])\$\{(?P<name>[\w.]{1,60})\}"),
)
_LIQUID = re.compile(r"\{\{-?\s*(?P<name>[^{}|]{1,80}?)\s*(?P<rest>\|[^{}]*)?-?\}\}")
_ANY = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{%|\{\{", re.DOTALL)
_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True, slots=True)
class Foreign:
    """One field of another service: as it stands there, its name, and what it seems to mean here (or nothing)."""

    text: str
    name: str
    meaning: str


def found(source: str) -> list[Foreign]:
    """The fields of other services in a source, each once, in the order in which they come; raw text holds none."""
    source = _RAW.sub(" ", source)
    seen: dict[str, Foreign] = {}
    for syntax in _SYNTAXES:
        for match in syntax.finditer(source):
            seen.setdefault(match.group(), Foreign(match.group(), match["name"], _meaning(match["name"])))
    for match in _LIQUID.finditer(source):
        name = match["name"]
        if not _WORD.fullmatch(name) and match.group() not in seen:
            seen[match.group()] = Foreign(match.group(), name, _meaning(name))
    return sorted(seen.values(), key=lambda one: source.index(one.text))


def _meaning(name: str) -> str:
    whole = "_".join(name.lower().split())
    return KNOWN.get(whole) or KNOWN.get(whole.rpartition(".")[2], "")


def put(source: str, answers: Mapping[str, tuple[str, str]]) -> str:
    """The source with each field as it was answered: (a field of ours, its default), or (KEPT, "") for text as it is.

    `answers` are by the text of the field. What no answer speaks of stays.
    """

    def change(part: str) -> str:
        for text, (name, default) in answers.items():
            part = part.replace(text, _as_text(text) if name == KEPT else field(name, default))
        return part

    out, at = [], 0
    for raw in _RAW.finditer(source):
        out += [change(source[at : raw.start()]), raw.group()]
        at = raw.end()
    return "".join([*out, change(source[at:])])


def field(name: str, default: str) -> str:
    """A merge field with its default, as Liquid reads it."""
    called = name if _WORD.fullmatch(name) else "['" + re.sub(r"['{}%]", "", name) + "']"
    word = re.sub(r"['{}%\\]", "", default).strip()
    return f"{{{{ {called} | default: '{word}' }}}}" if word else f"{{{{ {called} }}}}"


def _as_text(text: str) -> str:
    return f"{{% raw %}}{text}{{% endraw %}}" if "{{" in text or "{%" in text else text


def readable(source: str) -> tuple[str, list[str]]:
    """The source with whatever Liquid can't read kept as text, and what that was. Nothing is lost by it.

    Handlebars' blocks, template languages of shops and half a field have braces like Liquid's.
    """
    if _parses(source):
        return source, []
    kept: list[str] = []

    def look(match: re.Match[str]) -> str:
        text = match.group()
        if text.startswith("{{") and len(text) > 2 and _parses(text):  # noqa: PLR2004  # more than the braces
            return text
        kept.append(text)
        return _as_text(text)

    first = _ANY.sub(lambda m: m.group() if m.group().startswith("{%") and len(m.group()) > 2 else look(m), source)  # noqa: PLR2004
    if _parses(first):
        return first, kept
    kept = []
    return _ANY.sub(look, source), kept


def _parses(source: str) -> bool:
    try:
        merge.parse(source, where="it", is_html=True)
    except BadInput:
        return False
    return True
