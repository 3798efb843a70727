"""Each command is documented, its help ends with an example, and an error is one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from sillage import cli


def commands() -> list[tuple[str, Any]]:
    cli._assemble()
    root: Any = typer.main.get_command(cli.app)
    found: list[tuple[str, Any]] = []
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        found += [(name, command)] if inner is None else [(f"{name} {n}", c) for n, c in inner.items()]
    return sorted(found)


@pytest.mark.parametrize(("name", "command"), commands())
def test_command_is_documented_with_an_example(name: str, command: Any):
    """The help of each command says what it does and ends with an example that runs it."""
    told = f"{command.help}\n{command.epilog or ''}"
    assert command.help
    assert "Example: " in told
    assert f"sillage {name}" in told


def test_error_is_one_line_and_exit_code_1(tmp_path: Path):
    """A domain error is one line on standard error, with no trace."""
    done = subprocess.run(
        [sys.executable, "-c", "from sillage.cli import main; main()", "campaign", "create", str(tmp_path)],
        capture_output=True, text=True, check=False,
        env={"SILLAGE_SECRET": "s" * 40, "SILLAGE_DATA_DIR": str(tmp_path / "run"), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        f"sillage: {tmp_path}/campaign.toml is not there; a campaign's folder holds a campaign.toml"
    ]
    assert done.stdout == ""
