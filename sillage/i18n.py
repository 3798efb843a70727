"""The words shown to people, in French and English, from gettext catalogues.

Messages are written in English in the code and translated in `sillage/locales`. `pybabel compile` makes the .mo
files; where one is missing or older than its .po, the .po itself is read, so that a fresh clone speaks too.
"""

from __future__ import annotations

import gettext
import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES_DIR = Path(__file__).parent / "locales"
DOMAIN = "sillage"
LANGUAGES = ("fr", "en")
DEFAULT_LANGUAGE = "en"


def language_of(locale: str) -> str:
    """The language that we speak for a locale such as `fr`, `fr_CA` or `en-GB`; English for any other."""
    language = locale.replace("-", "_").split("_")[0].lower()
    return language if language in LANGUAGES else DEFAULT_LANGUAGE


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The messages of a language, for `.gettext` and `.ngettext`; a message that is not there stays English."""
    folder = LOCALES_DIR / language_of(language) / "LC_MESSAGES"
    source, compiled = folder / f"{DOMAIN}.po", folder / f"{DOMAIN}.mo"
    if compiled.exists() and (not source.exists() or compiled.stat().st_mtime >= source.stat().st_mtime):
        with compiled.open("rb") as file:
            return gettext.GNUTranslations(file)
    if not source.exists():
        return gettext.NullTranslations()
    with source.open("rb") as file:
        messages = read_po(file, locale=language_of(language), domain=DOMAIN)
    binary = io.BytesIO()
    write_mo(binary, messages)
    binary.seek(0)
    return gettext.GNUTranslations(binary)
