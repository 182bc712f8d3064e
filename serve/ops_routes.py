"""What operators and their programs do: look, snapshot, take adapters in, decide, score."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Response

from feedback.errors import RatchetError
from feedback.ids import new_id
from feedback.snapshot import SnapshotManifest
from feedback.words import AccessRole, Adapter, Promotion, Turn
from serve.auth import Operator
from serve.bodies import (
    AdapterBody,
    AdapterList,
    Line,
    LineStatus,
    Loglikelihood,
    LoglikelihoodBody,
    PromotionBody,
    PromotionList,
    Responses,
    Status,
    problems,
)
from serve.health_routes import waiting
from serve.loglikelihood import score
from serve.parts import Gateway, now
from serve.routing import route

router = APIRouter(prefix="/ops", tags=["ops"])
TAKEN_IN_BEFORE: Responses = {200: {"model": Adapter, "description": "Taken in before"}}
AskedLine = Annotated[Line | None, Query()]


@router.get("/status", responses=problems(401, 403))
async def status(caller: Operator, gateway: Gateway) -> Status:
    """Replicas, lines and counts of this moment."""
    served, waits = gateway.lines.served, waiting(gateway)
    previous = gateway.lines.previous
    return Status(
        base_id=served.base_id,
        ready=not waits,
        waiting_for=waits,
        replicas=[one.status() for one in gateway.fleet.seen],
        lines=[LineStatus(line=line, live=head, previous=previous[line]) for line, head in served.heads.items()],
        counts=await to_thread.run_sync(gateway.store.counts),
    )


@router.post("/snapshots", status_code=201, responses=problems(401, 403, 507))
async def snapshot(caller: Operator, gateway: Gateway) -> SnapshotManifest:
    """The manifest of a new snapshot in `snapshots/` of the home directory."""
    at = now()
    parent = gateway.settings.home / "snapshots"
    return await to_thread.run_sync(gateway.store.snapshot, parent, new_id("snap", at), at)


@router.post(
    "/adapters",
    status_code=201,
    responses=TAKEN_IN_BEFORE | problems(400, 401, 403, 404, 409, 413, 422, 502, 503, 507),
)
async def take_in(body: AdapterBody, caller: Operator, gateway: Gateway, response: Response) -> Adapter:
    """The run's adapter, checked, named, loaded and warm on every replica that is up."""
    adapter, new = await gateway.intake.take_in(body.run_id, body.line, now())
    if not new:
        response.status_code = 200
    return adapter


@router.get("/adapters", responses=problems(401, 403, 422))
async def adapters(caller: Operator, gateway: Gateway, line: AskedLine = None) -> AdapterList:
    """Every adapter that was taken in, with its state."""
    return AdapterList(adapters=await to_thread.run_sync(gateway.store.adapters, line))


@router.post("/promotions", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 422, 502, 503, 507))
async def decide(body: PromotionBody, caller: Operator, gateway: Gateway) -> Promotion:
    """The decision, stored and in force."""
    at = now()
    return await gateway.decisions.decide(
        Promotion(
            promotion_id=new_id("promo", at),
            line=body.line,
            action=body.action,
            adapter_id=body.adapter_id,
            incumbent_id=body.expected_incumbent_id,
            decided_by=caller.user_id,
            decided_at=at,
            reason=body.reason,
            report_hash=body.report_hash,
        )
    )


@router.get("/promotions", responses=problems(401, 403, 422))
async def promotions(caller: Operator, gateway: Gateway, line: AskedLine = None) -> PromotionList:
    """The decisions, newest first."""
    return PromotionList(promotions=await to_thread.run_sync(gateway.store.promotions, line))


@router.post("/loglikelihood", responses=problems(400, 401, 403, 404, 409, 413, 422, 502, 503))
async def loglikelihood(body: LoglikelihoodBody, caller: Operator, gateway: Gateway) -> Loglikelihood:
    """How likely the adapter finds the completion after the prompt."""
    adapter_id = route(body.adapter_id, AccessRole.OPERATOR, gateway.lines.served).adapter_id
    gateway.reconciler.check_wanted(adapter_id)
    prompt = tuple(Turn(role=turn.role, content=turn.content) for turn in body.prompt)
    with gateway.fleet.seat(adapter_id) as seen:
        try:
            logprob, tokens = await score(seen.replica, adapter_id, prompt, body.completion)
        except RatchetError as failed:
            raise gateway.desk.blame(seen, adapter_id, failed) from failed
    return Loglikelihood(logprob=logprob, tokens=tokens)
