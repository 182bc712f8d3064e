"""What the gateway counts, for Prometheus. No text and no user's name is in it."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serve.exchange import Reply

FIRST_TOKEN_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """One registry of its own, so that two gateways in one process don't mix."""

    def __init__(self, store_queue: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "ratchet_requests", "Answers by route and status", ["method", "route", "status"], registry=self._registry
        )
        self._first_token = Histogram(
            "ratchet_first_token_seconds", "Request to first token", buckets=FIRST_TOKEN_S, registry=self._registry
        )
        self._tokens = Counter("ratchet_tokens", "Tokens by adapter", ["kind", "adapter"], registry=self._registry)
        self._in_flight = Gauge("ratchet_in_flight", "Chats being answered", ["adapter"], registry=self._registry)
        self._unstored = Counter(
            "ratchet_unstored_exchanges", "Exchanges that were not stored, by reason", ["reason"],
            registry=self._registry,
        )  # fmt: skip
        queue = Gauge("ratchet_store_queue", "Writes that wait for their commit", registry=self._registry)
        queue.set_function(store_queue)

    def answered(self, method: str, route: str, status: int) -> None:
        self._requests.labels(method, route, str(status)).inc()

    def replied(self, adapter_id: str, reply: Reply) -> None:
        if reply.first_token_ms is not None:
            self._first_token.observe(reply.first_token_ms / 1000)
        for kind, count in (("prompt", reply.prompt_tokens), ("completion", reply.completion_tokens)):
            self._tokens.labels(kind, adapter_id).inc(count or 0)

    def in_flight(self, adapter_id: str, change: int) -> None:
        self._in_flight.labels(adapter_id).inc(change)

    def unstored(self, reason: str) -> None:
        self._unstored.labels(reason).inc()

    def text(self) -> bytes:
        return generate_latest(self._registry)
