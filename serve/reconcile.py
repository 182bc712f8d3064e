"""Keeps every replica in step with what the lines want, at boot, on a timer, and when something has changed.

An adapter counts as ready once it is listed under the path we gave, and has answered one token. It is unloaded only
when nothing is in flight on it. Adapters are never loaded in place and names never reused (vLLM keys its prefix cache
by name), so whatever is wrong with one is reported and left alone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from feedback.errors import Conflict, NotFound, NotReady, RatchetError, UpstreamFailed
from serve.fleet import Fleet, Seen
from serve.lines import Lines
from serve.plan import plan

log = logging.getLogger(__name__)
RETRY_REFUSED_S = 30.0


class Reconciler:
    """Brings replicas into step. `step_all` does it once; `run` goes on until cancelled."""

    def __init__(self, fleet: Fleet, lines: Lines, adapters_dir: Path, room: int) -> None:
        self._fleet = fleet
        self._lines = lines
        self._adapters_dir = adapters_dir
        self._room = room
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """The next round begins now rather than at its time."""
        self._wake.set()

    async def run(self, every_s: float) -> None:
        while True:
            await self.step_all()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), every_s)
            self._wake.clear()

    async def step_all(self) -> None:
        """Every replica has been asked and, as far as it answers, brought into step."""
        await asyncio.gather(*(self._step(one) for one in self._fleet.seen))
        self._fleet.waiting(list(self._lines.served.heads.values()))  # notes since when each wait has lasted

    def check_wanted(self, adapter_id: str) -> None:
        """Conflict for an adapter that is not loaded and won't be, so that nobody waits for it."""
        served = self._lines.served
        if adapter_id == served.base_id or adapter_id in self._lines.wanted(self._room):
            return
        if any(adapter_id in one.ready for one in self._fleet.seen):
            return
        state = served.adapters[adapter_id].state
        raise Conflict(f"{adapter_id} is {state} and not loaded; only live, previous and candidate adapters answer")

    async def make_ready(self, adapter_id: str) -> None:
        """The adapter (or base) is loaded and warm on every replica that is up.

        UpstreamFailed when one refuses it, NotReady when none is up or there was no room for it yet.
        """
        for one in self._fleet.seen:
            one.refused.pop(adapter_id, None)
        await self.step_all()
        if self._fleet.ready_everywhere(adapter_id):
            return
        refusal = self._fleet.why_not(adapter_id)
        if refusal is not None:
            raise UpstreamFailed(f"vLLM doesn't take {adapter_id}: {refusal}")
        waits = self._fleet.waiting([adapter_id])
        detail = "; ".join(f"{wait.what}: {wait.detail}" for wait in waits) or "not every replica has it yet"
        raise NotReady(f"{adapter_id} isn't loaded and warm on every replica ({detail}); try again")

    async def _step(self, seen: Seen) -> None:
        async with seen.lock:
            try:
                await self._bring_into_step(seen)
            except (NotReady, UpstreamFailed) as down:
                if seen.up:
                    log.warning("replica %s is lost: %s", seen.replica.url, down)
                seen.lost(str(down))

    async def _bring_into_step(self, seen: Seen) -> None:
        base_id = self._lines.served.base_id
        listed = await seen.replica.models()
        if base_id not in listed:
            raise UpstreamFailed(
                f"vLLM at {seen.replica.url} serves {sorted(listed)}, not '{base_id}'; "
                f"start it with --served-model-name {base_id}"
            )
        seen.found()
        seen.ready &= listed.keys()
        seen.forget_refusals(RETRY_REFUSED_S)
        await self._warm_up(seen, base_id)
        wanted = self._lines.wanted(self._room)
        present = {name for name in listed if name != base_id}
        self._check_paths(seen, {name: listed[name] for name in present & set(wanted)})
        todo = plan(wanted, present, seen.in_flight, seen.refused, self._room)
        for name in todo.unload:
            await self._unload(seen, name)
        for name in todo.load:
            await self._load(seen, name)
        for name in present & set(wanted):
            await self._warm_up(seen, name)
        if todo.waiting:
            log.info("%s: no room yet for %s", seen.replica.url, ", ".join(todo.waiting))

    def _check_paths(self, seen: Seen, roots: dict[str, str]) -> None:
        for name, root in roots.items():
            if Path(root) != self._adapters_dir / name:
                why = f"it was loaded from {root}, not from {self._adapters_dir / name}; restart vLLM"
                seen.refuse(name, why)

    async def _unload(self, seen: Seen, name: str) -> None:
        if seen.in_flight[name]:
            return  # somebody took a seat since the plan was made
        seen.ready.discard(name)
        with contextlib.suppress(NotFound):
            await seen.replica.unload(name)
            log.info("%s: unloaded %s", seen.replica.url, name)

    async def _load(self, seen: Seen, name: str) -> None:
        with self._refusals(seen, name):
            await seen.replica.load(name, self._adapters_dir / name)
            log.info("%s: loaded %s", seen.replica.url, name)
            await self._warm_up(seen, name)

    async def _warm_up(self, seen: Seen, name: str) -> None:
        if name in seen.ready or name in seen.refused:
            return
        with self._refusals(seen, name):
            await seen.replica.warm_up(name)
            seen.ready.add(name)

    @contextlib.contextmanager
    def _refusals(self, seen: Seen, name: str) -> Iterator[None]:
        try:
            yield
        except NotReady:
            raise
        except RatchetError as refused:
            log.error("%s: %s", seen.replica.url, refused)
            seen.refuse(name, str(refused))
