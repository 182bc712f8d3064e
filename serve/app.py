"""The gateway as an ASGI application, built from its parts."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from serve import access_routes, chat, conversation_routes, feedback_routes, health_routes, ops_routes, problems
from serve.edge import BodyLimit, Watch
from serve.parts import Parts

log = logging.getLogger(__name__)
ROUTERS = (health_routes, chat, feedback_routes, conversation_routes, access_routes, ops_routes)
PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}


def create_app(parts: Parts) -> FastAPI:
    """The application. While it runs, replicas are kept in step; at its end their connections are closed.

    The store stays open: whoever opened it closes it after the last request.
    """
    app = FastAPI(
        title="Ratchet",
        summary="Chat through adapters that get better from being used.",
        version="0.1.0",
        docs_url=None,  # the pages would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda _: _running(parts),
        middleware=[
            Middleware(Watch, metrics=parts.metrics),
            Middleware(BodyLimit, max_body_bytes=parts.settings.max_body_bytes),
        ],
    )
    app.state.parts = parts
    problems.install(app)
    for module in ROUTERS:
        app.include_router(module.router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


@contextlib.asynccontextmanager
async def _running(parts: Parts) -> AsyncIterator[None]:
    reconciling = asyncio.create_task(parts.reconciler.run(parts.settings.reconcile_every_s))
    reconciling.add_done_callback(_end_when_lame)
    try:
        yield
    finally:
        reconciling.cancel()
        await asyncio.gather(reconciling, return_exceptions=True)
        for seen in parts.fleet.seen:
            await seen.replica.close()


def _end_when_lame(reconciling: asyncio.Task[None]) -> None:
    """A gateway that can't keep its replicas in step stops, so that its supervisor starts a sound one."""
    if not reconciling.cancelled() and reconciling.exception() is not None:
        log.critical("replicas are no longer kept in step; stopping", exc_info=reconciling.exception())
        signal.raise_signal(signal.SIGTERM)


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with problem details under their own media type."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        for path in document["paths"].values():
            for operation in path.values():
                for answer in operation["responses"].values():
                    content = answer.get("content", {})
                    if content.get("application/json", {}).get("schema") == PROBLEM_REF:
                        content["application/problem+json"] = content.pop("application/json")
        app.openapi_schema = document
    return app.openapi_schema
