"""What the headers and the parts of a mail tell a filter: subject, sender, recipients, structure, the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sillage.content.letter import Letter
from sillage.content.spam_signs import Sign, listed

GMAIL_CLIPS = 102_000
"""Bytes at which Gmail cuts a mail's HTML and hides the rest, footer and pixel with it."""

_GAPPED = re.compile(r"(?<!\w)(?:[A-Za-z][ ._*-]){3,}[A-Za-z](?!\w)")
# "… offer 48213", "… (k7)9921", "… zqfkn12": what bulk mailers add so that no two subjects are equal.
_SERIAL = re.compile(r"(?:\s{3,}|[-_.\[( ]{2,})\s*[A-Za-z]{0,3}\d{3,}[\])]*$|\s[a-z]{5,}\d{2,}$|[a-z]\s?[A-Z]{4,6}$")
_ANSWER = re.compile(r"\s*(?:re|fwd?|aw|tr)\s*:", re.IGNORECASE)
_RISKY = re.compile(r"\.(?:exe|scr|js|vbs|bat|com|pif|zip|rar|docm|xlsm|html?)$", re.IGNORECASE)
_WAY_OUT = re.compile(
    r"unsubscri|opt[- ]?out|désabonn|désinscri|preferences|préférences|sign ?off|leave.{0,20}list", re.IGNORECASE
)


def signs(letter: Letter) -> Iterable[Sign]:
    """Every check of this module."""
    yield from _subject(letter)
    yield from _sender(letter)
    yield from _recipients(letter)
    yield from _parts(letter)
    yield from _way_out(letter)


def _subject(letter: Letter) -> Iterable[Sign]:
    subject = letter.subject
    if not subject.strip():
        yield Sign("subject.empty")
    if is_capitals(subject):
        yield Sign("subject.capitals", (subject,))
    if re.search(r"[!?]{2,}|!.*!", subject):
        yield Sign("subject.marks", (subject,))
    elif subject.endswith("!"):
        yield Sign("subject.mark", (subject,))
    if re.search(r"[$€£]{2,}|\$\s?\d{1,3}[,.]?\d{3}", subject):
        yield Sign("subject.money", (subject,))
    if _GAPPED.search(subject):
        yield Sign("subject.gaps", (subject,))
    if _SERIAL.search(subject):
        yield Sign("subject.serial", (subject,))
    if _ANSWER.match(subject) and not {"in-reply-to", "references"} & letter.headers.keys():
        yield Sign("subject.false_reply", (subject,))
    words = set(subject.lower().split())
    if any(len(local) > 3 and local in words for local in (r.partition("@")[0] for r in letter.recipients)):
        yield Sign("subject.address", (subject,))


def is_capitals(text: str) -> bool:
    """Whether a text of some length is all but in capitals."""
    letters = [c for c in text if c.isalpha()]
    return len(letters) >= 10 and sum(c.isupper() for c in letters) > 0.8 * len(letters)


def _sender(letter: Letter) -> Iterable[Sign]:
    local, _, domain = letter.from_address.partition("@")
    is_freemail = domain in listed("freemail")
    if not domain:
        yield Sign("sender.none")
    if is_freemail:
        yield Sign("sender.freemail", (domain,))
    if sum(c.isdigit() for c in local) >= 3:
        yield Sign("sender.digits", (local,), is_strong=is_freemail)
    if not letter.from_name.strip():
        yield Sign("sender.no_name")
    elif letter.from_name.isupper() and len(letter.from_name) > 6:
        yield Sign("sender.capitals", (letter.from_name,))
    replies = letter.reply_to.partition("@")[2]
    if replies in listed("freemail") and replies != domain:
        yield Sign("sender.reply_elsewhere", (letter.reply_to,))


def _recipients(letter: Letter) -> Iterable[Sign]:
    count = len(letter.recipients)
    if count == 0:
        yield Sign("recipients.none")
    elif count > 2:
        yield Sign("recipients.many", is_strong=count > 3)


def _parts(letter: Letter) -> Iterable[Sign]:
    if letter.markup is not None and letter.plain is None:
        yield Sign("parts.no_text")
    if letter.markup is not None and "mime-version" not in letter.headers:
        yield Sign("parts.no_mime")
    if "base64" in letter.encodings and not letter.attachments and letter.words.isascii():
        yield Sign("parts.base64")
    if letter.size > GMAIL_CLIPS:
        yield Sign("parts.clipped", (f"{letter.size} B",))
    if risky := tuple(name for name in letter.attachments if _RISKY.search(name)):
        yield Sign("parts.attachment", risky)
    if not letter.words.strip():
        yield Sign("parts.nothing")


def _way_out(letter: Letter) -> Iterable[Sign]:
    if "list-unsubscribe" in letter.headers:
        return
    said = " ".join([letter.words, *(f"{link.url} {link.text}" for link in letter.links)])
    if not _WAY_OUT.search(said):
        yield Sign("way_out.none")
    if letter.markup is None and not letter.links:
        yield Sign("way_out.no_link")
