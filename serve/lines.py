"""What the store says about adapters and heads, kept in memory for the hot path. Only this process changes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from anyio import to_thread

from feedback.store import Store
from feedback.words import Adapter, Promotion
from serve.plan import wanted
from serve.routing import Served


@dataclass(frozen=True)
class Picture:
    """One moment: every line's head, what was live before it, and all adapters."""

    served: Served
    previous: Mapping[str, str | None]


class Lines:
    """The current Picture. It is replaced whole, so a request sees one moment and goes on with it to its end."""

    def __init__(self, store: Store, names: Iterable[str], base_id: str) -> None:
        self._store = store
        self._names = tuple(names)
        self._base_id = base_id
        self._pinned: frozenset[str] = frozenset()
        self._picture = self._read()

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    @property
    def served(self) -> Served:
        return self._picture.served

    @property
    def previous(self) -> Mapping[str, str | None]:
        return self._picture.previous

    async def refresh(self) -> None:
        """The picture shows what the store holds now."""
        self._picture = await to_thread.run_sync(self._read)

    def pin(self, adapter_id: str) -> None:
        """The adapter is wanted on every replica until it is unpinned, whatever its state."""
        self._pinned |= {adapter_id}

    def unpin(self, adapter_id: str) -> None:
        self._pinned -= {adapter_id}

    def wanted(self, room: int) -> tuple[str, ...]:
        previous = (name for name in self._picture.previous.values() if name is not None)
        served = self._picture.served
        return wanted(served.adapters.values(), served.heads.values(), previous, sorted(self._pinned), room)

    def _read(self) -> Picture:
        return picture(self._names, self._base_id, self._store.adapters(), self._store.promotions())


def picture(
    names: Iterable[str], base_id: str, adapters: Iterable[Adapter], promotions: Iterable[Promotion]
) -> Picture:
    """The moment that these adapters and promotions (newest first) describe."""
    heads = dict.fromkeys(names, base_id)
    previous: dict[str, str | None] = dict.fromkeys(heads)
    decided: set[str] = set()
    for promotion in promotions:
        if promotion.action == "reject" or promotion.line in decided or promotion.line not in heads:
            continue
        decided.add(promotion.line)
        heads[promotion.line], previous[promotion.line] = promotion.adapter_id, promotion.incumbent_id
    return Picture(Served(heads, {one.adapter_id: one for one in adapters}, base_id), previous)
