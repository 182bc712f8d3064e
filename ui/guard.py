"""What stands before every route: who may pass, from where, and what the browser is told to allow."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feedback.errors import RatchetError, Unauthenticated
from ui.client import Gateway
from ui.visitor import COOKIE

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Gradio's page has inline scripts and styles and compiles templates; everything comes from this very address.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer a browser sends "Origin: null" from our own forms
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """ASGI middleware. Sends visitors without a good key to the sign-in page, refuses writes that another site's
    page makes, and sets the security headers."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        request = Request(scope)
        if request.method not in SAFE_METHODS and not same_origin(request.headers):
            refusal = PlainTextResponse("This request comes from another site's page and was refused.", 403)
            await refusal(scope, receive, send_guarded)
        elif request.url.path == "/" and not await self._known(request):
            redirect = RedirectResponse("/sign-in", 303)
            await redirect(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    async def _known(self, request: Request) -> bool:
        """Whether the page may be shown. While the gateway can't be asked, having a key is enough: the page says
        what is being waited for, and each of its calls is checked by the gateway."""
        key = request.cookies.get(COOKIE)
        if not key:
            return False
        try:
            await self._gateway.check(key)
        except Unauthenticated:
            return False
        except RatchetError:
            return True
        return True


def same_origin(headers: Headers) -> bool:
    """Whether a write comes from this address's own pages, or from a program: those send no Origin and no cookie
    that they weren't given."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
