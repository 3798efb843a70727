"""Domains are grouped by who takes their mail: a real name server on loopback says so."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import dns.message
import dns.rrset
import pytest
import sqlalchemy as sa

from sillage.campaign.grouping import group_domains, resolver
from sillage.campaign.plan import plan_campaign
from sillage.domain.provider import provider_of_mx
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.tables import contacts, deliveries, domain_providers
from tests.world import World

RECORDS = {
    "firm.example.": ["20 alt.nowhere.example.", "10 aspmx.l.google.com."],
    "shop.example.": ["10 shop-example.mail.protection.outlook.com."],
    "own.example.": ["10 mx.own.example."],
}


class _Answers(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        raw, reply_to = self.request
        question = dns.message.from_wire(raw)
        answer = dns.message.make_response(question)
        name = question.question[0].name
        found = RECORDS.get(str(name).lower())
        if str(name) == "broken.example.":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "MX", *found))
        reply_to.sendto(answer.to_wire(), self.client_address)


@pytest.fixture
def name_server() -> Iterator[str]:
    """A name server on loopback."""
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_domains_share_the_limits_of_who_takes_their_mail(any_store: Store, settings: Settings, name_server: str):
    """Firms at a big provider are planned as its own; those without, unknown or not answering stay `other`; a domain
    of one person is not even asked.
    """
    world = World(any_store, settings)
    world.add_contacts(13, provider="other")
    domains = ["firm", "shop", "own", "broken"] * 3 + ["vanity"]
    with any_store.write() as conn:
        for number, domain in enumerate(domains, 1):
            row = contacts.update().where(contacts.c.id == number)
            conn.execute(row.values(email=f"c{number}@{domain}.example"))
    assert group_domains(any_store, settings, resolver(name_server)) == {"gmail": 1, "outlook": 1, "other": 1}
    with any_store.read() as conn:
        kept = {r.domain for r in conn.execute(sa.select(domain_providers.c.domain))}
    assert kept == {"firm.example", "shop.example", "own.example"}
    campaign = world.add_campaign()
    plan_campaign(any_store, settings, world.id, campaign)
    with any_store.read() as conn:
        planned = {r.contact_id: r.provider for r in conn.execute(sa.select(deliveries))}
    expected = {"firm": "gmail", "shop": "outlook"}
    assert planned == {number: expected.get(domain, "other") for number, domain in enumerate(domains, 1)}
    assert group_domains(any_store, settings, lambda _: ["late.google.com"]) == {"gmail": 1}


@pytest.mark.parametrize(
    ("hosts", "provider"),
    [
        (["gmail-smtp-in.l.google.com"], "gmail"),
        (["mx.mygoogle.com"], None),
        (["mx.elsewhere.example", "mta5.am0.yahoodns.net."], "yahoo"),
        ([], None),
    ],
)
def test_mail_servers_name_their_provider_by_whole_labels(hosts: list[str], provider: str | None):
    """A suffix fits whole labels only, and the first host that says something is believed."""
    assert provider_of_mx(hosts) == provider


def test_name_server_that_is_none_is_refused():
    """What can't be asked is said, with how to write it."""
    with pytest.raises(BadInput, match=r"9\.9\.9\.9"):
        resolver("not-an-address")
