"""A real Postfix from Debian as relay takes everything, over TLS and after a log-in (RFC 3207, RFC 4954)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from sendworker.reply import SessionError
from sendworker.smtp import Connection, Hop, Tls
from tests.conftest import free_port
from tests.sendworker.wire import PATIENCE, Basket, certificate

PASSWORD = "a-password-of-the-test"
POSTFIX = "/usr/sbin/postfix"


@dataclass(frozen=True, slots=True)
class Instance:
    """A Postfix of our own, with the certificate that it shows."""

    port: int
    ca_file: Path
    config: Path
    delivered: Path

    def hop(self, **changes: object) -> Hop:
        found = {
            "tls": Tls.STARTTLS, "ca_file": str(self.ca_file), "user": "sillage@localhost",
            "password": SecretStr(PASSWORD), "patience": PATIENCE, **changes,
        }  # fmt: skip
        return Hop("127.0.0.1", self.port, "client.example", name="localhost", **found)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def postfix() -> Iterator[Instance]:
    """A private instance on a loopback port: its own configuration, queue and log; the machine's is not touched."""
    if not Path(POSTFIX).exists() or shutil.which("saslpasswd2") is None:
        pytest.skip("Postfix is not installed: `make system` installs it where it may")
    if os.getuid() != 0:
        pytest.skip("Postfix starts as root only")
    with tempfile.TemporaryDirectory(prefix="sillage-postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _instance(folder) as found:
            yield found


@contextlib.contextmanager
def _instance(folder: Path) -> Iterator[Instance]:
    config, port = folder / "etc", free_port()
    config.mkdir()
    for part in ("queue", "data"):
        (folder / part).mkdir()
    shutil.chown(folder / "data", "postfix")
    (folder / "mail").mkdir(mode=0o777)
    (folder / "mail").chmod(0o777)
    pem = certificate(folder)
    database = folder / "sasldb2"
    subprocess.run(
        ["saslpasswd2", "-f", database, "-c", "-p", "-u", "localhost", "sillage"], input=PASSWORD.encode(), check=True
    )
    shutil.chown(database, "postfix")
    sasl = config / "sasl"  # where Debian looks; elsewhere it is what cyrus_sasl_config_path says
    sasl.mkdir()
    (sasl / "smtpd.conf").write_text(
        f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\nmech_list: PLAIN LOGIN\n"
    )
    (config / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = localhost
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
virtual_mailbox_domains = y.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:box
virtual_uid_maps = static:{_uid("nobody")}
virtual_gid_maps = static:{_uid("nobody")}
virtual_mailbox_limit = 0
relayhost =
mynetworks = 10.255.255.255/32
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {pem}
smtpd_tls_key_file = {pem}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
cyrus_sasl_config_path = {sasl}
smtpd_sasl_local_domain = localhost
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{no@y.example=REJECT}}, permit_sasl_authenticated, reject
smtpd_client_connection_count_limit = 0
smtpd_forbid_bare_newline = yes
""")
    services = [
        f"127.0.0.1:{port} inet n - n - - smtpd",
        "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
        "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
        "error unix - - n - - error", "tlsmgr unix - - n 1000? 1 tlsmgr", "virtual unix - n n - - virtual",
        "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache", "postlog unix-dgram n - n - 1 postlogd",
        "showq unix n - n - - showq", "proxymap unix - - n - - proxymap",
    ]  # fmt: skip
    (config / "master.cf").write_text("\n".join(services) + "\n")
    run = [POSTFIX, "-c", str(config)]
    started = subprocess.run([*run, "start"], capture_output=True, text=True, check=False)
    if started.returncode:
        log = folder / "log"
        pytest.fail(f"Postfix did not start: {started.stderr} {log.read_text() if log.exists() else ''}")
    try:
        yield Instance(port, pem, config, folder / "mail" / "box")
    finally:
        subprocess.run([*run, "stop"], capture_output=True, check=False)


def _uid(name: str) -> int:
    import pwd

    return pwd.getpwnam(name).pw_uid


async def test_postfix_takes_everything(postfix: Instance):
    """Two hundred messages over four connections, a dot and a long one among them: all taken, all delivered whole."""
    basket = Basket()
    long = b"".join(b"%073d\r\n" % n for n in range(3000))
    bodies = [b"Subject: n%d\r\n\r\nbody %d=\r\n=2E\r\n" % (n, n) for n in range(199)]
    for n, body in enumerate([*bodies, b"Subject: long\r\n\r\n" + long]):
        basket.add(f"to{n}@y.example", body)
    connections = [await Connection.open(postfix.hop(), basket, limit=100) for _ in range(4)]
    assert {"PIPELINING", "CHUNKING", "SMTPUTF8", "8BITMIME"} <= set(connections[0].extensions)
    await basket.settled(200)
    await asyncio.gather(*(connection.quit() for connection in connections))
    assert {reply.code for _, reply in basket.replies} == {250}
    assert not basket.losses
    async with asyncio.timeout(30):
        while not _has_all(postfix.delivered):  # noqa: ASYNC110  # a file sends no event
            await asyncio.sleep(0.1)
    text = postfix.delivered.read_bytes()
    assert all(b"Subject: n%d\n" % n in text for n in range(199))
    assert long.replace(b"\r\n", b"\n") in text


def _has_all(mailbox: Path) -> bool:
    return mailbox.exists() and mailbox.read_bytes().count(b"\nSubject: ") >= 200


@pytest.mark.parametrize("chunking", [False, True])
@pytest.mark.parametrize("in_flight", [1, 4])
async def test_postfix_takes_each_way(postfix: Instance, in_flight: int, *, chunking: bool):
    """By DATA or BDAT, one or several in flight, with a refused recipient in between: each letter its own verdict."""
    basket = Basket()
    for n in range(12):
        basket.add("no@y.example" if n == 5 else f"to{n}@y.example")
    connection = await Connection.open(postfix.hop(chunking=chunking, in_flight=in_flight), basket, limit=100)
    await basket.settled(12)
    await connection.quit()
    assert [reply.code // 100 for _, reply in basket.replies] == [5 if n == 5 else 2 for n in range(12)]


async def test_postfix_refuses_a_wrong_password(postfix: Instance):
    """A wrong password is one clear error, and no mail is tried without a log-in."""
    basket = Basket()
    basket.add()
    with pytest.raises(SessionError, match="refuses the log-in"):
        await Connection.open(postfix.hop(password=SecretStr("wrong")), basket)
    assert len(basket.letters) == 1


async def test_postfix_without_log_in_refuses_each_letter(postfix: Instance):
    """A relay that wants a log-in and gets none refuses recipients; that is a verdict, not a broken session."""
    basket = Basket()
    basket.add("to@z.example")
    connection = await Connection.open(postfix.hop(user=""), basket)
    await basket.settled(1)
    await connection.quit()
    assert basket.replies[0][1].code == 554
