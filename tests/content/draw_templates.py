"""Draw what the template library shows: `images` makes the PNGs out of our own SVGs, `pictures` the gallery's.

    python tests/content/draw_templates.py images pictures [NAME …]

Mail readers show no SVG, so a template carries PNGs; they are reduced to a palette, to keep a mail small.
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from sillage.content import templates
from sillage.content.html import Footer
from sillage.content.preview import shown
from sillage.content.templates import FOLDER, library
from sillage.i18n import LANGUAGES

CHROMIUM = "/usr/bin/chromium"
ARGS = ["--no-sandbox", "--disable-gpu"]
PICTURE_WIDTH, PICTURE_HEIGHT = 320, 400
FOOTER = Footer("Maison Sillage SAS, 1 quai du Port, 29200 Brest", "…", "Unsubscribe", "Don't measure", "View online")


def _save(raw: bytes, path: Path, size: tuple[int, int], colours: int) -> None:
    image = Image.open(io.BytesIO(raw)).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)


def draw_images(browser: Browser) -> None:
    """Each SVG as a PNG of the width that a mail needs."""
    for path in sorted((FOLDER / "images").glob("*.svg")):
        source = path.read_text("utf-8")
        width, height = (int(n) for n in source.split('viewBox="0 0 ')[1].split('"')[0].split())
        page = browser.new_page(viewport={"width": width, "height": height})
        encoded = base64.b64encode(source.encode()).decode()
        page.set_content(
            f'<body style="margin:0"><img style="display:block" src="data:image/svg+xml;base64,{encoded}">'
        )
        size = (1000, 500) if width > height else (360, 360)
        _save(page.screenshot(), path.with_suffix(".png"), size, 32)
        page.close()


def draw_pictures(browser: Browser, wanted: list[str]) -> None:
    """The top of each template, as the gallery shows it."""
    for template in library().values():
        if wanted and template.name not in wanted:
            continue
        for language in LANGUAGES:
            filled = template.fill(language, "Maison Sillage")
            page = browser.new_page(viewport={"width": 640, "height": 800}, device_scale_factor=1)
            page.set_content(shown(templates.source_of(filled), FOOTER))
            path = FOLDER / "pictures" / f"{template.name}.{language}.png"
            _save(page.screenshot(), path, (PICTURE_WIDTH, PICTURE_HEIGHT), 48)
            page.close()


def main() -> None:
    """Draw what the arguments say."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        if "images" in sys.argv:
            draw_images(browser)
        if "pictures" in sys.argv:
            draw_pictures(browser, [word for word in sys.argv[1:] if word not in {"images", "pictures"}])
        browser.close()


if __name__ == "__main__":
    main()
