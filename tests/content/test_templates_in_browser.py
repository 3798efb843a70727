"""Every template in a real browser, at the widths of a small phone, a mail window and a desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from sillage.content.html import Footer
from sillage.content.preview import shown
from sillage.content.templates import library, source_of, template
from sillage.i18n import LANGUAGES
from tests.axe import serious_faults

CHROMIUM = "/usr/bin/chromium"
FOOTER = Footer(
    "Maison Sillage SAS, 1 quai du Port, 29200 Brest", "Vous recevez ce message parce que vous l'avez demandé.",
    "Se désinscrire", "Ne plus mesurer mes ouvertures et mes clics", "Voir en ligne",
)  # fmt: skip
WIDTHS = (320, 600, 1280)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """One window for all templates: each is put into it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize("name", sorted(library()))
@pytest.mark.parametrize("language", LANGUAGES)
def test_template_fits_every_width_and_excludes_nobody(page: Page, name: str, language: str):
    """Nothing is wider than its window, every picture is there, and axe-core finds no serious fault."""
    asked: list[str] = []
    page.on("request", lambda r: None if r.url.startswith(("data:", "about:")) else asked.append(r.url))
    # Links without an address are the preview's: for axe they are put back, as they are in the mail.
    page.set_content(shown(source_of(template(name).fill(language, "Maison Sillage")), FOOTER))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
        assert page.evaluate("[...document.images].every(i => i.width <= innerWidth)"), width
    loaded = "[...document.images].filter(i => i.getAttribute('width') != '1').every(i => i.naturalWidth > 0)"
    assert page.evaluate(loaded)
    page.evaluate("document.querySelectorAll('a').forEach(a => a.setAttribute('href', '#'))")
    assert serious_faults(page) == []
    assert asked == []
