"""From the settings to the way that mail goes."""

from __future__ import annotations

from sendworker.direct import Direct
from sendworker.routes import Relays, Router
from sendworker.smtp import Hop, Tls
from sillage.settings import Settings, Transport


def router_of(settings: Settings) -> Router:
    """The way that the settings name."""
    helo = settings.bounce_domain
    if settings.transport is Transport.POSTOFFICE:
        return Relays([(Hop(settings.host, settings.postoffice_port, helo), 1.0)])
    if settings.transport is Transport.DIRECT:
        return Direct(helo, port=settings.direct_port, name_servers=settings.dns_servers)
    return Relays(
        [
            (
                Hop(
                    relay.host,
                    relay.port,
                    helo,
                    tls=Tls(relay.tls),
                    ca_file=relay.ca_file,
                    user=relay.user,
                    password=relay.password,
                    in_flight=relay.in_flight,
                ),
                relay.weight,
            )
            for relay in settings.all_relays
        ]
    )
