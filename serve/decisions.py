"""Moving a line's head: the new adapter is warm on every replica first, then the decision is stored, then it counts.

Requests in flight finish on the adapter they began with; the one that was live stays loaded for a quick rollback.
"""

import asyncio
from collections.abc import Mapping

from feedback.errors import Conflict, Invalid, NotFound
from feedback.store import Store
from feedback.words import AdapterState, Promotion
from serve.lines import Lines
from serve.reconcile import Reconciler
from serve.routing import Served

PROMOTABLE = (AdapterState.CANDIDATE, AdapterState.RETIRED)


class Decisions:
    """Carries promotions out, one at a time."""

    def __init__(self, store: Store, lines: Lines, reconciler: Reconciler) -> None:
        self._store = store
        self._lines = lines
        self._reconciler = reconciler
        self._lock = asyncio.Lock()

    async def decide(self, promotion: Promotion) -> Promotion:
        """The decision is stored and in force: from now on requests go to the new head.

        Conflict when the head isn't `incumbent_id` any more or the adapter's state doesn't allow the action. NotReady
        or UpstreamFailed when the adapter can't be made ready on every replica; then nothing has changed.
        """
        async with self._lock:
            check(promotion, self._lines.served)
            if promotion.action == "reject":
                return await self._record(promotion)
            self._lines.pin(promotion.adapter_id)
            try:
                await self._reconciler.make_ready(promotion.adapter_id)
                return await self._record(promotion)
            finally:
                self._lines.unpin(promotion.adapter_id)

    async def _record(self, promotion: Promotion) -> Promotion:
        stored = await asyncio.wrap_future(self._store.add_promotion(promotion))
        await self._lines.refresh()
        self._reconciler.wake()
        return stored


def check(promotion: Promotion, served: Served) -> None:
    """The decision fits what is live and what state the adapter is in. Conflict, NotFound or Invalid otherwise."""
    line, adapter_id = promotion.line, promotion.adapter_id
    head = require_line(line, served.heads)
    if head != promotion.incumbent_id:
        raise Conflict(f"{head} is live on line '{line}', not {promotion.incumbent_id}: look and decide again")
    if adapter_id == served.base_id and promotion.action == "rollback":
        if head == served.base_id:
            raise Conflict(f"the base {head} is live on line '{line}' already")
        return
    adapter = served.adapters.get(adapter_id)
    if adapter is None:
        raise NotFound(f"there is no adapter '{adapter_id}' to {promotion.action}; see GET /ops/adapters")
    if adapter.line != line:
        raise Invalid(f"{adapter_id} is of line '{adapter.line}', not '{line}'")
    allowed = {
        "promote": PROMOTABLE,
        "rollback": (AdapterState.RETIRED,),
        "reject": (AdapterState.CANDIDATE,),
    }[promotion.action]
    if adapter.state not in allowed:
        raise Conflict(
            f"{adapter_id} is {adapter.state}; only {' or '.join(allowed)} adapters take '{promotion.action}'"
        )


def require_line(line: str, heads: Mapping[str, str]) -> str:
    """The line's head. NotFound, naming the lines there are, when there is no such line."""
    if line not in heads:
        raise NotFound(f"there is no line '{line}'; choose one of {sorted(heads)}")
    return heads[line]
