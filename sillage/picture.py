"""A picture of a page in a real browser, where one is installed: asked of Chromium itself, without any network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sillage.errors import TransientError

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 40


def browser() -> str | None:
    """The path of a browser, or None where none is on PATH."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def picture_of_page(page: str, *, width: int, height: int) -> bytes:
    """A PNG of an HTML page that brings its own pictures and whose policy lets nothing run.

    Raises: TransientError where there is no browser, or it does not answer.
    """
    path = browser()
    if path is None:
        raise TransientError("no chromium is on PATH: install it to see mails in a real browser")
    with tempfile.TemporaryDirectory(prefix="sillage-picture-") as name:
        folder = Path(name)
        (folder / "mail.html").write_text(page, "utf-8")
        shot = folder / "mail.png"
        command = [
            path, "--headless", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--no-first-run", "--mute-audio",
            # No name is found and no proxy answers: whatever the page asks for, nothing leaves.
            "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9",
            f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}", f"--screenshot={shot}",
            *(["--no-sandbox"] if os.getuid() == 0 else []), (folder / "mail.html").as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S, cwd=folder)  # noqa: S603
            return shot.read_bytes()
        except (OSError, subprocess.SubprocessError) as exc:
            raise TransientError(f"the browser made no picture ({type(exc).__name__}); try again") from exc
