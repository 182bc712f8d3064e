"""Coming in and going out: what turns a one-time link or an API key into the cookie that the page reads.

The cookie is HttpOnly, so no script on the page sees the key, and SameSite=Strict, so no other site can use it.
"""

from html import escape
from pathlib import Path
from string import Template
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from feedback.errors import NotReady, RatchetError, Unauthenticated
from ui.client import Gateway
from ui.visitor import COOKIE

COOKIE_S = 30 * 24 * 3600
FORM = """<form method="post" action="/sign-in">
<label for="key">API key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus placeholder="rk_…">
<button type="submit">Sign in</button>
</form>"""


class Doorway:
    """The pages for people who aren't in yet."""

    def __init__(self) -> None:
        self._template = Template(Path(__file__).with_name("signin.html").read_text(encoding="utf-8"))

    def ask(self, message: str = "Paste the key that you were given.", status: int = 200) -> HTMLResponse:
        """The form; a status of 400 and above shows the message as a failure."""
        tone = "bad" if status >= 400 else ""
        html = self._template.substitute(title="Sign in", message=escape(message), tone=tone, body=FORM, refresh="")
        return HTMLResponse(html, status)

    def welcome(self) -> HTMLResponse:
        """Goes on to the chat. A redirect would lose a Strict cookie when the link was clicked on another site."""
        html = self._template.substitute(
            title="Welcome",
            message="You are signed in.",
            tone="",
            body='<a href="/">Go to the chat</a>',
            refresh='<meta http-equiv="refresh" content="0; url=/">',
        )
        return HTMLResponse(html)


def routes(gateway: Gateway) -> APIRouter:
    """`/enter/{token}`, `/sign-in` and `/sign-out`."""
    router = APIRouter(include_in_schema=False)
    doorway = Doorway()

    @router.get("/enter/{token}")
    async def enter(token: str, request: Request) -> Response:
        try:
            key = await gateway.enter(token)
        except NotReady as error:
            return doorway.ask(f"The gateway isn't there yet: open this link again in a moment ({error}).", 503)
        except RatchetError:
            return doorway.ask("This link was used already, or is too old. Ask for a new one, or paste a key.", 403)
        return _with_cookie(doorway.welcome(), key, request)

    @router.get("/sign-in")
    async def ask() -> Response:
        return doorway.ask()

    @router.post("/sign-in")
    async def sign_in(key: Annotated[str, Form()], request: Request) -> Response:
        key = key.strip()
        if not key.isascii() or not key.isprintable():
            return doorway.ask("This is no key: it has characters that keys don't have.", 400)
        try:
            await gateway.check(key)
        except Unauthenticated:
            return doorway.ask("This key isn't known here. Check that you copied all of it.", 401)
        except RatchetError as error:
            return doorway.ask(f"The gateway can't check the key just now: try again ({error}).", 503)
        return _with_cookie(RedirectResponse("/", 303), key, request)

    @router.post("/sign-out")
    async def sign_out() -> Response:
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    return router


def _with_cookie(response: Response, key: str, request: Request) -> Response:
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, key, max_age=COOKIE_S, path="/", httponly=True, samesite="strict", secure=secure)
    return response
