"""Whether the gateway lives, whether chats can be answered, and what it has counted."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from feedback.errors import NotAllowed
from serve.bodies import Alive, Ready, Responses, Waiting, problems
from serve.parts import Gateway, Parts
from serve.settings import is_loopback

router = APIRouter(tags=["health"])
RETRY_AFTER_S = "5"
TEXT: Responses = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format"}
}


@router.get("/healthz")
async def healthz() -> Alive:
    """The process lives."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "Still waiting"}})
async def readyz(gateway: Gateway, response: Response) -> Ready:
    """200 when every line can be answered, else 503 with what is waited for."""
    waits = waiting(gateway)
    if waits:
        response.status_code = 503
        response.headers["Retry-After"] = RETRY_AFTER_S
    return Ready(status="waiting" if waits else "ready", waiting_for=waits)


@router.get(
    "/metrics",
    response_class=Response,
    responses=TEXT | problems(403),
)
async def metrics(request: Request, gateway: Gateway) -> Response:
    """Prometheus' text format, for this machine only."""
    if request.client is None or not is_loopback(request.client.host):
        raise NotAllowed("/metrics answers this machine only; scrape it from there")
    return Response(gateway.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def waiting(gateway: Parts) -> list[Waiting]:
    """What keeps any line from being answered."""
    return gateway.fleet.waiting(list(gateway.lines.served.heads.values()))
