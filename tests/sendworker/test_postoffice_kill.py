"""The command itself: kill -9, restart, and what it says about bad input."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from sendworker.postoffice.__main__ import main

COMMAND = [sys.executable, "-m", "sendworker.postoffice"]
ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path: Path, *more: str) -> tuple[subprocess.Popen[str], int, int]:
    """A post office of its own process, with its ports."""
    with (tmp_path / "log").open("a", encoding="utf-8") as log:
        size = log.tell()
        process = subprocess.Popen(
            [*COMMAND, "--port", "0", "--control-port", "0", "--ledger", str(tmp_path / "ledger.sqlite"), *more],
            stderr=log,
            cwd=ROOT,
            text=True,
        )
    for _ in range(1_000):
        for line in (tmp_path / "log").read_text("utf-8")[size:].splitlines():
            found = json.loads(line)
            if found["event"] == "postoffice.ready":
                return process, found["port"], found["control_port"]
        assert process.poll() is None, (tmp_path / "log").read_text("utf-8")
        time.sleep(0.01)
    raise AssertionError("it never got ready")


def report(tmp_path: Path, *more: str) -> dict[str, Any]:
    """What the report command prints."""
    done = subprocess.run(
        [*COMMAND, "report", "--ledger", str(tmp_path / "ledger.sqlite"), *more],
        capture_output=True,
        check=True,
        cwd=ROOT,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def status(port: int) -> dict[str, Any]:
    """GET /status."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=10) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def test_ledger_survives_kill_9(tmp_path: Path) -> None:
    """All that was answered 250 is in the ledger after kill -9, and what people still had to do is done later."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        web = closed.getsockname()[1]
    people = tmp_path / "people.csv"
    people.write_text("email,opens\n" + "".join(f"p{n}@free.example,{n % 2}\n" for n in range(2_000)))
    options = ("--people", str(people), "--delay-scale", "0", "--seed", "1")
    process, port, _ = start(tmp_path, *options)
    accepted = 101
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        for n in range(accepted):
            head = f"Message-ID: <m{n}@b.example>\r\nFeedback-ID: 2:1:1:sillage\r\nContent-Type: text/html\r\n\r\n"
            text = f'{head}<img src="http://127.0.0.1:{web}/o/{"T" * 36}.gif" width=1 height=1>\r\n'
            assert client.sendmail("b@b.example", [f"p{n}@free.example"], text.encode()) == {}
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        client.close()
    found = report(tmp_path, "--people", str(people))
    assert found["accepted"] == found["distinct_message_ids"] == accepted
    assert found["pending_actions"] == accepted // 2
    # The people go on where they were: their web server answers now.
    server = subprocess.Popen(
        [sys.executable, "-c", WEB_SERVER, str(web)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    process, _, control = start(tmp_path, *options)
    try:
        for _ in range(1_500):
            if status(control)["pending_actions"] == 0:
                break
            time.sleep(0.01)
        assert status(control)["done_actions"] == accepted // 2
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        server.kill()
        server.wait()
    variant = report(tmp_path, "--people", str(people))["campaigns"]["1"]["variants"]["2"]
    assert (variant["sent"], variant["delivered"], variant["human_opened"]) == (accepted, accepted, accepted // 2)


WEB_SERVER = """
import http.server, sys
class Pixel(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Pixel).serve_forever()
"""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bounces-to", "192.0.2.1:25"], "is no loopback address"),
        (["--host", "192.0.2.1"], "is no loopback address"),
        (["--clock", "now"], "write ORIGIN@WALL*SPEED"),
        (["--people", "/nowhere.csv"], "/nowhere.csv: No such file"),
        (["--delay-scale", "2"], "is not between 0 and 1"),
        (["--port", "99999"], "is no port"),
    ],
)
def test_bad_options_are_refused(
    tmp_path: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong option is one clear line and exit code 2; nothing is opened."""
    try:
        code = main(["--ledger", str(tmp_path / "ledger.sqlite"), *options])
    except SystemExit as exc:
        code = int(exc.code or 0)
    assert code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "ledger.sqlite").exists()


@pytest.mark.parametrize(
    ("content", "said"), [(None, "there is no ledger here"), (b"not a database, whatever its name", "not a ledger")]
)
def test_report_without_ledger_is_refused(
    tmp_path: Path, content: bytes | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report of no ledger says which one is missing, and a file that is none says that."""
    path = tmp_path / "l.sqlite"
    if content is not None:
        path.write_bytes(content)
    assert main(["report", "--ledger", str(path)]) == 2
    assert said in capsys.readouterr().err
