"""Run all benchmarks, one after the other: python -m bench [NAME …]."""

from __future__ import annotations

import runpy
import sys

BENCHES = ("kill", "event_to_page", "bounces", "send", "track", "import_contacts", "hygiene", "export", "pages")

for name in sys.argv[1:] or BENCHES:
    sys.argv = [name]
    runpy.run_module(f"bench.{name}", run_name="__main__")
