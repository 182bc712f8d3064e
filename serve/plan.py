"""What a replica should load and unload next. Pure: wanted x present x in flight -> a Plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from feedback.words import Adapter, AdapterState


@dataclass(frozen=True)
class Plan:
    """Unload first, then load, each in order. `waiting` would be loaded if requests in flight didn't hold its room."""

    load: tuple[str, ...] = ()
    unload: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def wanted(
    adapters: Iterable[Adapter], heads: Iterable[str], previous: Iterable[str], pinned: Iterable[str], room: int
) -> tuple[str, ...]:
    """The adapters that every replica should hold, most important first, at most `room`.

    Heads, then what an operator is about to promote (`pinned`), then the heads before them for a quick rollback, then
    candidates, newest first. The base is no adapter and takes no room.
    """
    known = {adapter.adapter_id: adapter for adapter in adapters}
    candidates = sorted(
        (adapter for adapter in known.values() if adapter.state is AdapterState.CANDIDATE),
        key=lambda adapter: (adapter.created_at, adapter.adapter_id),
        reverse=True,
    )
    order = [*heads, *pinned, *previous, *(adapter.adapter_id for adapter in candidates)]
    return tuple(dict.fromkeys(name for name in order if name in known))[:room]


def plan(
    wanted: Sequence[str], present: Iterable[str], in_flight: Mapping[str, int], refused: Iterable[str], room: int
) -> Plan:
    """Loads what is wanted and missing, as far as there is room; unloads what is neither wanted nor answering.

    What vLLM refused to load (`refused`) isn't tried again here; the caller decides when to forget a refusal.
    """
    held = set(present)
    unload = tuple(sorted(name for name in held if name not in wanted and not in_flight.get(name)))
    missing = [name for name in wanted if name not in held and name not in set(refused)]
    space = max(0, room - len(held) + len(unload))
    return Plan(load=tuple(missing[:space]), unload=unload, waiting=tuple(missing[space:]))
