"""axe-core on a page: the faults that keep somebody from using it. Its script comes in a package."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from playwright.async_api import Page as AsyncPage
from playwright.sync_api import Page

SCRIPT = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
_RUN = "part => axe.run(part || document)"
SERIOUS = ("serious", "critical")


def serious_faults(page: Page, part: str | None = None) -> list[str]:
    """What axe-core finds serious or worse on a page, or in a part of it (a selector), as rule and place."""
    page.evaluate(SCRIPT)
    return _serious(page.evaluate(_RUN, part))


async def serious_faults_soon(page: AsyncPage) -> list[str]:
    """The same for a page that is driven beside a server of the same loop."""
    await page.evaluate(SCRIPT)
    return _serious(await page.evaluate(_RUN, None))


def _serious(found: dict[str, Any]) -> list[str]:
    return [
        f"{fault['id']}: {node['target']} {node.get('failureSummary', '')[:300]}"
        for fault in found["violations"]
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]
