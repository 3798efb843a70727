"""The words that people see, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from sillage import i18n
from sillage.i18n import LOCALES_DIR, catalogue, language_of
from sillage.settings import ROOT

ROOMS = ("web", "sillage", "sendworker")


@pytest.mark.parametrize(
    ("locale", "language"), [("fr", "fr"), ("fr_CA", "fr"), ("FR-be", "fr"), ("en", "en"), ("de", "en"), ("", "en")]
)
def test_language_of_a_locale(locale: str, language: str) -> None:
    """We speak French and English; English to all others."""
    assert language_of(locale) == language


def test_every_message_in_the_code_is_translated() -> None:
    """No message of any room is missing in French, and no placeholder is lost on the way."""
    used = {
        message[0] if isinstance(message, tuple) else message
        for room in ROOMS
        for _file, _line, message, _comments, _context in extract_from_dir(ROOT / room, [("**.py", "python")])
    }
    with (LOCALES_DIR / "fr" / "LC_MESSAGES" / "sillage.po").open("rb") as file:
        french = {message.id if isinstance(message.id, str) else message.id[0]: message for message in read_po(file)}
    missing = sorted(text for text in used if text not in french or not french[text].string)
    assert not missing
    for text, message in french.items():
        said = message.string if isinstance(message.string, str) else "".join(message.string)
        assert all(f"{{{name}}}" in said for name in ("sender",) if f"{{{name}}}" in text)
        assert all(f"%({name})s" in said for name in ("name",) if f"%({name})s" in text)


def test_source_speaks_where_nothing_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh clone has no .mo: the .po is read; a .mo that is older than it is not."""
    folder = tmp_path / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    source = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Hello"\nmsgstr "Bonjour é"\n'
    (folder / "sillage.po").write_text(source, "utf-8")
    monkeypatch.setattr(i18n, "LOCALES_DIR", tmp_path)
    catalogue.cache_clear()
    try:
        assert catalogue("fr").gettext("Hello") == "Bonjour é"
        assert catalogue("en").gettext("Hello") == "Hello"
    finally:
        catalogue.cache_clear()
