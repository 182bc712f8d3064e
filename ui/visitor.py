"""Who is at the page: the gateway's key in an HttpOnly cookie, and the page's own id within the browser."""

import gradio as gr

from feedback.words import digest

COOKIE = "ratchet_key"


def key_of(request: gr.Request) -> str:
    """The visitor's key. Read from each request and held nowhere, so that signing out takes effect at once."""
    return str(request.cookies.get(COOKIE, ""))


def page_of(request: gr.Request) -> str:
    """An open page's id, together with its visitor's key: nobody else's page can be named by guessing."""
    return digest(str(request.session_hash), key_of(request))
