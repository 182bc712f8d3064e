"""The page's sentences. Pure: errors and states in, what a person reads out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from feedback.errors import (
    Invalid,
    NotFound,
    NotReady,
    RatchetError,
    StorageFull,
    TooLarge,
    Unauthenticated,
    UpstreamFailed,
)
from feedback.words import ADAPTER_NAME

THANKS = "Thank you: this goes into the next dataset."
TAKEN_BACK = "Taken back: it won't be used."
REASONS = ("Wrong", "Too long", "Unfriendly", "Not what I asked")
WELCOME = """### What can I help with?

Thumbs and better answers you write here teach the next version."""
UNTITLED = "Untitled"
SIGN_IN_AGAIN = "You are signed out. Open the sign-in page, then send your message again."


@dataclass(frozen=True)
class Waiting:
    """What chats are waiting for, as the gateway says it, and for how many seconds so far."""

    what: str
    for_s: float | None = None
    detail: str = ""


def waited(waiting: Sequence[Waiting]) -> str:
    """`vLLM, 42 s so far`; empty when nothing is being waited for."""
    parts = [w.what if w.for_s is None else f"{w.what}, {w.for_s:.0f} s so far" for w in waiting]
    return "; ".join(parts)


def refusal(error: RatchetError, waiting: Sequence[Waiting], sent_again: bool) -> str:
    """Why there is no reply and what becomes of the message that was typed."""
    if isinstance(error, NotReady):
        kept = "it will be sent again automatically" if sent_again else "send it again in a moment"
        cause = f"The model is still loading ({waited(waiting)})." if waiting else "The model is busy."
        return f"{cause} Your message is kept; {kept}."
    return f"{plain(error)} Your message is back in the box."


def plain(error: RatchetError) -> str:
    """One sentence for a person who doesn't run the platform; the server's own words where they help."""
    if isinstance(error, Unauthenticated):
        return SIGN_IN_AGAIN
    if isinstance(error, NotReady):
        return "The gateway can't take this just now; try again in a moment."
    if isinstance(error, UpstreamFailed):
        return "The model broke off while it was answering."
    if isinstance(error, StorageFull):
        return "The server's disk is full, so nothing can be saved; tell whoever runs it."
    if isinstance(error, NotFound):
        return "That isn't there any more."
    if isinstance(error, Invalid | TooLarge):
        return f"That wasn't accepted: {str(error).rstrip('.')}."
    return f"Something went wrong: {str(error).rstrip('.')}."


def status_line(waiting: Sequence[Waiting]) -> str:
    """HTML: one muted line in the page's head."""
    if not waiting:
        return '<span class="status ready" role="status"><i></i>Ready</span>'
    detail = "; ".join(w.detail for w in waiting if w.detail)
    return (
        f'<span class="status loading" role="status" title="{escape(detail, quote=True)}">'
        f"<i></i>Loading: {escape(waited(waiting))}</span>"
    )


def answered_by(adapter_id: str | None, message_id: str | None) -> str:
    """HTML: the small line under a reply. A base model that no adapter changes is called so."""
    if not adapter_id:
        return ""
    name = ADAPTER_NAME.match(adapter_id)
    label = f"{name['line']} v{int(name['version'])}" if name else f"{adapter_id}, as it came"
    whole, reply = escape(adapter_id, quote=True), escape(message_id or "", quote=True)
    return f'<span class="receipt" title="{whole}" data-message-id="{reply}">Answered by {escape(label)}</span>'


def notice(text: str) -> str:
    """HTML: a message that stays until the next one; empty for none. An address in it becomes no link."""
    if not text:
        return ""
    link = ' <a href="/sign-in">Sign in</a>' if text.startswith(SIGN_IN_AGAIN) else ""
    return f'<div class="notice" role="alert">{escape(text)}{link}</div>'


def titled(title: str) -> str:
    """A conversation's title on one line, at most 60 characters."""
    line = re.sub(r"\s+", " ", title).strip() or UNTITLED
    return line if len(line) <= 60 else line[:59].rstrip() + "…"
