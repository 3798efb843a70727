"""What a worker tells Prometheus, on a loopback port of its own: counters of its own, gauges of the whole queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from sillage.domain.delivery import DeliveryState
from sillage.domain.pace import Rate
from sillage.lake.event import EventType
from sillage.store.deliveries import Outcome
from sillage.store.queue import Depth

log = structlog.get_logger()

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """One worker's metrics. A port that is taken stops no mail: it is said, and nothing is told."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._outcomes = Counter(
            "sillage_deliveries", "Messages by what became of them", ["provider", "state"], registry=registry
        )
        self._deferrals = Counter(
            "sillage_deferrals", "Messages put off, by reason", ["provider", "reason"], registry=registry
        )
        self._held = Gauge("sillage_sending", "Rows that this worker holds: the bound of the doubt", registry=registry)
        self._window = Histogram(
            "sillage_window_seconds", "One transaction with ops", buckets=SECONDS, registry=registry
        )
        self._queue = Gauge(
            "sillage_queue_depth", "Recipients that wait, all workers", ["provider", "state"], registry=registry
        )
        self._in_doubt = Gauge("sillage_in_doubt", "Recipients in doubt, all workers", registry=registry)
        self._connections = Gauge(
            "sillage_share_connections", "Connections that this worker may open", ["provider"], registry=registry
        )
        self._rate = Gauge(
            "sillage_share_per_second", "Messages a second that this worker may send; -1: no limit", ["provider"],
            registry=registry,
        )  # fmt: skip
        self._server: WSGIServer | None = None
        self._heard: dict[tuple[str, DeliveryState, str | None], int] = defaultdict(int)
        """Since the last window: a labelled counter costs more than the rest of an outcome's way."""

    def serve(self, host: str, port: int) -> None:
        """Answer scrapes from now on, in a thread of its own; port 0: don't."""
        if port == 0:
            return
        try:
            self._server, _ = start_http_server(port, addr=host, registry=self.registry)
        except OSError as exc:
            log.warning("metrics.off", port=port, why=str(exc))

    @property
    def is_served(self) -> bool:
        """Whether anybody can ask."""
        return self._server is not None

    def stop(self) -> None:
        """Give the port back."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def settled(self, provider: str, outcome: Outcome) -> None:
        """Count an outcome; what came back unsent is none."""
        if not outcome.events:
            return
        event = outcome.events[0]
        reason = event.reason or "unknown" if event.type is EventType.DEFERRED else None
        self._heard[provider, outcome.state, reason] += 1

    def window(self, seconds: float, held: int) -> None:
        """Note a transaction, how many rows are held after it, and what was counted since the last."""
        for (provider, state, reason), count in self._heard.items():
            self._outcomes.labels(provider, state.value).inc(count)
            if reason is not None:
                self._deferrals.labels(provider, reason).inc(count)
        self._heard.clear()
        self._window.observe(seconds)
        self._held.set(held)

    def shares(self, shares: Mapping[str, Rate]) -> None:
        """Note what may be used of each provider."""
        for provider, share in shares.items():
            self._connections.labels(provider).set(share.connections)
            self._rate.labels(provider).set(-1 if share.per_second is None else share.per_second)

    def queue(self, depths: Sequence[Depth], in_doubt: int) -> None:
        """Note the whole queue; a provider that is done with falls to nothing."""
        self._queue.clear()
        for depth in depths:
            counts = {"fresh": depth.fresh, "deferred": depth.deferred, "sending": depth.sending, "held": depth.held}
            for state, count in counts.items():
                self._queue.labels(depth.provider, state).set(count)
        self._in_doubt.set(in_doubt)
