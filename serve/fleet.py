"""The replicas as this gateway knows them: which are up, what each can answer as, what is in flight on it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from feedback.errors import NotReady
from serve.bodies import ReplicaStatus, Waiting
from serve.replica import Replica

RETRY_STARTING_S, RETRY_SOON_S = 5, 1
Clock = Callable[[], float]


class Seen:
    """What is known of one replica. `ready` are the names (base too) that have answered a warm-up since it came up."""

    def __init__(self, replica: Replica, clock: Clock) -> None:
        self.replica = replica
        self.up = False
        self.detail = "not asked yet"
        self.ready: set[str] = set()
        self.refused: dict[str, tuple[str, float]] = {}  # adapter -> why it can't be used, when that was found
        self.in_flight: Counter[str] = Counter()
        self.lock = asyncio.Lock()  # held by whoever changes what is loaded
        self.since = clock()
        self._clock = clock

    @property
    def for_s(self) -> float:
        """How long it has been up, or down."""
        return self._clock() - self.since

    def found(self) -> None:
        """It answers."""
        if not self.up:
            self.up, self.since, self.detail = True, self._clock(), "answering"
            self.refused.clear()

    def lost(self, why: str) -> None:
        """It doesn't; what it had loaded is unknown until it has been asked again."""
        if self.up:
            self.up, self.since = False, self._clock()
        self.detail = why
        self.ready.clear()

    def refuse(self, adapter_id: str, why: str) -> None:
        self.ready.discard(adapter_id)
        self.refused[adapter_id] = (why, self._clock())

    def forget_refusals(self, older_than_s: float) -> None:
        """What was refused long ago may be tried again."""
        now = self._clock()
        self.refused = {name: seen for name, seen in self.refused.items() if now - seen[1] < older_than_s}

    def status(self) -> ReplicaStatus:
        return ReplicaStatus(
            url=self.replica.url,
            up=self.up,
            for_s=round(self.for_s, 1),
            detail=self.detail,
            ready=sorted(self.ready),
            in_flight={name: count for name, count in self.in_flight.items() if count},
            problems={name: why for name, (why, _) in self.refused.items()},
        )


class Fleet:
    """Chooses a replica for each request and counts what is in flight on it."""

    def __init__(self, replicas: Sequence[Replica], clock: Clock) -> None:
        self.seen = [Seen(replica, clock) for replica in replicas]
        self._clock = clock
        self._waits: dict[str, float] = {}

    @contextlib.contextmanager
    def seat(self, adapter_id: str) -> Iterator[Seen]:
        """A replica that has the adapter loaded and warm, which keeps it until the context is left.

        NotReady when there is none, saying what is waited for and how long it has been.
        """
        able = [one for one in self.seen if adapter_id in one.ready]
        if not able:
            raise self._not_ready(adapter_id)
        chosen = min(able, key=lambda one: one.in_flight.total())
        chosen.in_flight[adapter_id] += 1
        try:
            yield chosen
        finally:
            chosen.in_flight[adapter_id] -= 1

    def ready_everywhere(self, adapter_id: str) -> bool:
        """Whether some replica is up, and each that is has the adapter loaded and warm."""
        up = [one for one in self.seen if one.up]
        return bool(up) and all(adapter_id in one.ready for one in up)

    def why_not(self, adapter_id: str) -> str | None:
        """What a replica said when it refused the adapter."""
        return next((one.refused[adapter_id][0] for one in self.seen if adapter_id in one.refused), None)

    def waiting(self, heads: Sequence[str]) -> list[Waiting]:
        """What keeps chats from being answered by these adapters; empty when nothing does."""
        found: dict[str, str] = {}
        if not any(one.up for one in self.seen):
            found["vLLM"] = "; ".join(one.detail for one in self.seen)
        else:
            for head in dict.fromkeys(heads):
                if not any(head in one.ready for one in self.seen):
                    found[head] = self.why_not(head) or "it is being loaded and warmed up"
        now = self._clock()
        for what in {"vLLM", *heads} - found.keys():
            self._waits.pop(what, None)
        for what in found:
            self._waits.setdefault(what, now)
        if "vLLM" in found:
            self._waits["vLLM"] = now - min(one.for_s for one in self.seen)
        return [
            Waiting(what=what, for_s=round(now - self._waits[what], 1), detail=detail) for what, detail in found.items()
        ]

    def _not_ready(self, adapter_id: str) -> NotReady:
        waits = self.waiting([adapter_id])
        text = "; ".join(f"{wait.what} for {wait.for_s:.0f} s ({wait.detail})" for wait in waits)
        up = any(one.up for one in self.seen)
        return NotReady(f"waiting for {text}; try again soon", RETRY_SOON_S if up else RETRY_STARTING_S)
