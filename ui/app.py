"""The page's web application: the door, the guard and Gradio's page, over one pool of connections to the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import gradio as gr
from fastapi import FastAPI, Request

from ui.chat import STYLE, build, theme
from ui.client import Gateway, http_client
from ui.guard import Guard
from ui.settings import Settings
from ui.signin import routes
from ui.visitor import COOKIE

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Ccircle cx='16' cy='16' "
    "r='10' fill='none' stroke='%230f766e' stroke-width='6' stroke-dasharray='9 3.566'/%3E%3C/svg%3E"
)
HEAD = f'<link rel="icon" href="{ICON}"><meta name="color-scheme" content="light dark">'


def create_app(settings: Settings) -> FastAPI:
    """An application that serves at once and needs the gateway only when somebody comes."""
    http = http_client(settings.gateway_url)
    gateway = Gateway(http, settings.line)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with http:
            yield

    app = FastAPI(title="Ratchet chat page", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.include_router(routes(gateway))
    app.add_middleware(Guard, gateway=gateway)
    return gr.mount_gradio_app(
        app,
        build(gateway),
        path="/",
        auth_dependency=visitor,
        footer_links=[],
        run_history=False,
        show_error=False,
        theme=theme(),
        css_paths=STYLE,
        head=HEAD,
    )


def visitor(request: Request) -> str | None:
    """Gradio's notion of a user, which it writes into the page: never the key itself."""
    return "visitor" if request.cookies.get(COOKIE) else None
