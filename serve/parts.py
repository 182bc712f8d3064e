"""What the gateway is made of, put together once by the entry point."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from feedback.store import Store
from serve.answer import Desk
from serve.auth import KeyRing
from serve.decisions import Decisions
from serve.fleet import Fleet
from serve.intake import Intake
from serve.lines import Lines
from serve.metrics import Metrics
from serve.reconcile import Reconciler
from serve.replica import Replica
from serve.settings import Settings


@dataclass(frozen=True)
class Parts:
    """The gateway's parts. `store` is open; whoever opened it closes it, last."""

    settings: Settings
    store: Store
    keys: KeyRing
    lines: Lines
    fleet: Fleet
    reconciler: Reconciler
    desk: Desk
    intake: Intake
    decisions: Decisions
    metrics: Metrics


def assemble(settings: Settings, store: Store) -> Parts:
    """The parts for these settings over this store. Nothing runs and nothing is called yet."""
    lines = Lines(store, settings.lines, settings.base_id)
    replicas = [Replica(url, settings.connect_timeout_s, settings.reply_timeout_s) for url in settings.replicas]
    fleet = Fleet(replicas, time.monotonic)
    metrics = Metrics(lambda: store.waiting)
    reconciler = Reconciler(fleet, lines, settings.home / "adapters", settings.loaded_adapters)
    return Parts(
        settings=settings,
        store=store,
        keys=KeyRing(store),
        lines=lines,
        fleet=fleet,
        reconciler=reconciler,
        desk=Desk(fleet, store, metrics, reconciler.wake),
        intake=Intake(settings, store, lines, reconciler),
        decisions=Decisions(store, lines, reconciler),
        metrics=metrics,
    )


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Gateway = Annotated[Parts, Depends(_parts)]


def now() -> datetime:
    return datetime.now(UTC)
