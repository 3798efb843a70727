"""`sillage domain` against a real name server: keys, records, what is wrong and how to mend it, rotation."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sillage.commands import account as account_commands
from sillage.commands.domain import app
from sillage.domain.ids import AccountId
from sillage.domain.sending_domain import Verdict, check_spf
from sillage.errors import BadInput, Refused
from sillage.resolver import Resolver
from sillage.settings import Settings
from sillage.store import dkim_keys, files
from sillage.store.database import Store
from tests.conftest import SECRET
from tests.names import Zone, name_server

BOUNCES = "bounces.maison.example"
IP = "192.0.2.10"


@pytest.fixture
def zone() -> Zone:
    """A zone with all but the keys."""
    return {
        (BOUNCES, "TXT"): [f'"v=spf1 ip4:{IP} -all"'],
        (BOUNCES, "MX"): [f"10 mail.{BOUNCES}."],
        (f"mail.{BOUNCES}", "A"): [IP],
        ("_dmarc.maison.example", "TXT"): ['"v=DMARC1; p=none; rua=mailto:dmarc@maison.example"'],
        ("10.2.0.192.in-addr.arpa", "PTR"): [f"mail.{BOUNCES}."],
    }


@pytest.fixture
def home(tmp_path: Path, zone: Zone, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An installation with one account, whose resolver is the little name server."""
    with name_server(zone) as address:
        monkeypatch.setenv("SILLAGE_SECRET", SECRET)
        monkeypatch.setenv("SILLAGE_DATA_DIR", str(tmp_path / "run"))
        monkeypatch.setenv("SILLAGE_BOUNCE_DOMAIN", BOUNCES)
        monkeypatch.setenv("SILLAGE_DNS_SERVERS", f'["{address}"]')
        CliRunner().invoke(account_commands.app, ["create", "maison", "--name", "Maison"], catch_exceptions=False)
        yield Settings.load()


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    return done.exit_code, done.output


def publish(zone: Zone) -> None:
    """Put what `records` shows into the zone."""
    _, shown = run("records", "maison.example", "--ip", IP)
    for name, kind, value in re.findall(r"^(\S+)\. IN (\S+) (.+)$", shown, re.MULTILINE):
        zone[name, kind] = [value]


def test_keys_are_private_and_registered(home: Settings):
    """A new key is a file that only its owner reads, in the register; no command shows it."""
    code, said = run("key", "maison.example")
    assert code == 0
    paths = sorted((home.data_dir / "keys").glob("*.pem"))
    assert len(paths) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    store = Store(home.database_url)
    with store.read() as conn:
        assert {f.path for f in files.listed(conn, AccountId(1))} == set(paths)
    store.close()
    assert "PRIVATE" not in said + run("records", "maison.example")[1]


def test_published_records_pass_the_check(home: Settings, zone: Zone):
    """What `records` shows, published as it is shown, is what `check` wants: the long RSA record among it."""
    run("key", "maison.example")
    code, said = run("check", "maison.example", "--ip", IP)
    assert code == 1
    assert said.count("FAIL  DKIM") == 2
    publish(zone)
    code, said = run("check", "maison.example", "--ip", IP)
    assert code == 0, said
    assert "FAIL" not in said


def test_rotation_activates_the_new_and_retires_the_old(home: Settings, zone: Zone):
    """Keys sign once their records are there; new ones take over, old ones retire, and nothing changes unpublished."""
    run("key", "maison.example", "--selector", "a")
    with pytest.raises(Refused, match=r"a-rsa\._domainkey\.maison\.example has no key.*nothing was changed"):
        run("activate", "maison.example")
    publish(zone)
    assert "signs with a-rsa, a-ed25519" in run("activate", "maison.example")[1]
    run("key", "maison.example", "--selector", "b")
    publish(zone)
    said = run("activate", "maison.example")[1]
    assert "signs with b-rsa, b-ed25519" in said
    assert "retired: a-rsa, a-ed25519" in said
    store = Store(home.database_url)
    with store.read() as conn:
        active = dkim_keys.of_domain(conn, AccountId(1), "maison.example", dkim_keys.KeyState.ACTIVE)
    store.close()
    assert [key.selector for key in active] == ["b-rsa", "b-ed25519"]
    with pytest.raises(Refused, match="is waiting"):
        run("activate", "maison.example")
    with pytest.raises(BadInput, match="another selector"):
        run("key", "maison.example", "--selector", "b")


@pytest.mark.parametrize(
    ("name", "kind", "records", "said"),
    [
        (BOUNCES, "TXT", [], "has no SPF record: publish"),
        (BOUNCES, "TXT", ['"v=spf1 -all"', '"v=spf1 ~all"'], "2 SPF records"),
        (BOUNCES, "TXT", ['"v=spf1 ip4:198.51.100.1 -all"'], f"does not allow {IP}: add ip4:{IP}"),
        (BOUNCES, "TXT", ['"v=spf1 +all"'], "allows everybody"),
        (BOUNCES, "TXT", [f'"v=spf1 include:{BOUNCES} -all"'], "more than 10 lookups"),
        (BOUNCES, "MX", [], "has no MX"),
        (BOUNCES, "MX", ["0 ."], "null MX"),
        (BOUNCES, "MX", ["10 gone.maison.example."], "gone.maison.example, which has no address"),
        ("_dmarc.maison.example", "TXT", [], "_dmarc.maison.example is missing"),
        ("_dmarc.maison.example", "TXT", ['"v=DMARC1"'], "says p=nothing"),
        ("_dmarc.maison.example", "TXT", ['"v=DMARC1; p=reject"'], "asks for no reports"),
        ("10.2.0.192.in-addr.arpa", "PTR", [], f"{IP} has no name"),
        ("10.2.0.192.in-addr.arpa", "PTR", ["other.example."], "does not lead back"),
        ("a-rsa._domainkey.maison.example", "TXT", ['"v=DKIM1; k=rsa; p=AAAA"'], "holds another key"),
    ],
)
def test_each_fault_is_named_with_its_mend(
    home: Settings, zone: Zone, name: str, kind: str, records: list[str], said: str
):
    """One record wrong at a time: the check names that one, and what to do."""
    run("key", "maison.example", "--selector", "a")
    publish(zone)
    zone[name, kind] = records
    shown = run("check", "maison.example", "--ip", IP)[1]
    faults = [line for line in shown.splitlines() if not line.startswith("ok")]
    assert len(faults) == 1, shown
    assert said in faults[0]


def test_spf_follows_includes_and_redirects(zone: Zone):
    """a, mx, include and redirect are followed as RFC 7208 says, with their prefixes."""
    zone |= {
        ("inc.example", "TXT"): ['"v=spf1 ip4:203.0.113.0/24 -all"'],
        ("s.example", "TXT"): ['"v=spf1 a:host.example/24 mx include:inc.example ?ip4:192.0.2.99 redirect=r.example"'],
        ("host.example", "A"): ["198.51.100.7"],
        ("s.example", "MX"): ["10 mx.example."],
        ("mx.example", "AAAA"): ["2001:db8::25"],
        ("r.example", "TXT"): ['"v=spf1 ip6:2001:db8:1::/48 -all"'],
    }
    with name_server(zone) as address:
        dns = Resolver([address])
        allowed = ["203.0.113.9", "198.51.100.200", "2001:db8::25", "2001:db8:1::1"]
        assert check_spf(dns, "s.example", allowed).verdict is Verdict.OK
        for refused in ("203.0.114.9", "198.51.101.1", "2001:db8::26", "2001:db8:2::1", "192.0.2.99"):
            assert check_spf(dns, "s.example", [refused]).verdict is Verdict.FAIL


@pytest.mark.parametrize("text", ["nothing", "a/../b.example", "x..example", "é"])
def test_what_is_no_domain_is_refused(home: Settings, text: str):
    """A word that is no domain makes no file and no key."""
    with pytest.raises(BadInput, match="no domain"):
        run("key", text)
    assert not (home.data_dir / "keys").exists()
