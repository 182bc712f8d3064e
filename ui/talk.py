"""What the page does when somebody sends, stops, regenerates, edits or opens a conversation.

A Chat is what one open page remembers; every handler takes one and gives the next. Sending is two steps, so that
what was typed is on the page at once: `take` (or `again`, `rewrite`) says what is asked, `answer` streams the reply.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from feedback.errors import NotReady, RatchetError
from feedback.words import Receipt
from ui.client import Gateway
from ui.generation import Generations, Piece
from ui.transcript import Shown, chatbot_messages, newest_path, unescape_tags
from ui.visitor import key_of, page_of
from ui.wording import answered_by, notice, plain, refusal, status_line, titled

POLL_S = 2.0


@dataclass(frozen=True)
class Asking:
    """A prompt without its reply yet, and how to undo it: the path before, and what had been typed."""

    before: tuple[Shown, ...]
    typed: str = ""
    resend: bool = False  # send it again by itself when the model is ready


@dataclass(frozen=True)
class Chat:
    """One page's conversation: the path on show, what is being asked, and what waits for the model."""

    conversation_id: str | None = None
    path: tuple[Shown, ...] = ()
    asking: Asking | None = None
    waiting_text: str | None = None


def box(stop: bool, value: str | None = None) -> Any:
    """The message box with its send or its stop button; its text is left alone unless a value is given."""
    changes = {} if value is None else {"value": value}
    return gr.Textbox(submit_btn=not stop, stop_btn=stop, **changes)


def last_receipt(path: tuple[Shown, ...]) -> str:
    """The line under the newest reply; nothing under a prompt without one."""
    if not path or path[-1].role != "assistant":
        return ""
    return answered_by(path[-1].adapter_id, path[-1].message_id)


class Talk:
    """Handlers. `take`, `again` and `rewrite` return (chat, messages, box, notice, receipt); `answer` yields
    the same five and the timer that polls for readiness."""

    def __init__(self, gateway: Gateway, generations: Generations) -> None:
        self._gateway = gateway
        self._generations = generations

    async def take(self, chat: Chat, text: str, request: gr.Request) -> tuple[Any, ...]:
        """The message joins the path and the box is emptied. Blank text, or a reply under way: nothing happens."""
        if not text.strip() or chat.asking or self._generations.running(page_of(request)):
            return _nothing()
        path = (*chat.path, Shown("user", text.strip()))
        asking = Asking(chat.path, text, resend=True)
        return self._asked(replace(chat, path=path, asking=asking), request, box(stop=True, value=""))

    async def again(self, chat: Chat, event: gr.RetryData, request: gr.Request) -> tuple[Any, ...]:
        """Another reply to the same prompt: a new branch."""
        if self._generations.running(page_of(request)):
            return _nothing()
        path = chat.path[: _index(event) + 1]
        return self._asked(replace(chat, path=path, asking=Asking(chat.path)), request, box(stop=True))

    async def rewrite(self, chat: Chat, event: gr.EditData, request: gr.Request) -> tuple[Any, ...]:
        """The prompt in other words: a new branch from there. Blank or unchanged text changes nothing."""
        index = _index(event)
        text = unescape_tags(str(event.value)).strip()
        if self._generations.running(page_of(request)) or not text or text == chat.path[index].content:
            return chat, chatbot_messages(chat.path), gr.skip(), gr.skip(), gr.skip()
        path = (*chat.path[:index], Shown("user", text))
        return self._asked(replace(chat, path=path, asking=Asking(chat.path, text)), request, box(stop=True))

    def _asked(self, chat: Chat, request: gr.Request, box_now: Any) -> tuple[Any, ...]:
        self._generations.expect(page_of(request))
        return replace(chat, waiting_text=None), chatbot_messages(chat.path), box_now, notice(""), ""

    async def answer(self, chat: Chat, text: str, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        """The reply as it comes. `text` is what is in the box by now; a refused prompt goes back there, before it."""
        if chat.asking is None or self._generations.running(page_of(request)):
            yield (*_nothing(), gr.skip())
            return
        prompt = [entry.turn for entry in chat.path]
        source = self._gateway.reply(key_of(request), prompt, chat.conversation_id)
        reply = Shown("assistant", "")
        failed: RatchetError | None = None
        async with self._generations.start(page_of(request), source) as generation:
            try:
                async for pieces in generation.batches():
                    chat, reply = _arrived(chat, reply, pieces)
                    if reply.content.strip():
                        partial = (*chat.path, reply)
                        held = replace(chat, path=partial, asking=None)
                        messages = chatbot_messages(partial, offer_correction=False)
                        yield held, messages, gr.skip(), gr.skip(), "", gr.skip()
            except RatchetError as error:
                failed = error
        if generation.left:
            return
        yield await self._ended(chat, reply, text, failed)

    async def _ended(self, chat: Chat, reply: Shown, text: str, failed: RatchetError | None) -> tuple[Any, ...]:
        """A reply of which something arrived stays; otherwise the prompt is taken back and returned to the box."""
        if reply.content.strip():
            path = (*chat.path, reply)
            said = notice(plain(failed)) if failed else ""
            chat = replace(chat, path=path, asking=None)
            return chat, chatbot_messages(path), box(stop=False), said, last_receipt(path), gr.skip()
        asking = chat.asking or Asking(())
        returned = "\n\n".join(part for part in (asking.typed.strip(), text.strip()) if part)
        resend = asking.resend and isinstance(failed, NotReady) and not text.strip()
        waiting = await self._gateway.waiting_for() if isinstance(failed, NotReady) else ()
        said = refusal(failed, waiting, resend) if failed else ""
        chat = replace(chat, path=asking.before, asking=None, waiting_text=returned if resend else None)
        timer = gr.Timer(POLL_S, active=True) if isinstance(failed, NotReady) else gr.skip()
        back = box(stop=False, value=returned)
        return chat, chatbot_messages(chat.path), back, notice(said), last_receipt(chat.path), timer

    async def stop(self, request: gr.Request) -> None:
        self._generations.stop(page_of(request))

    async def poll(self, chat: Chat, text: str, resends: int) -> tuple[Any, ...]:
        """(status, timer, resends): a changed `resends` sends what waits, if it is still what the box holds."""
        waiting = await self._gateway.waiting_for()
        due = not waiting and chat.waiting_text is not None and text.strip() == chat.waiting_text
        return status_line(waiting), gr.Timer(POLL_S, active=bool(waiting)), resends + due

    async def start_afresh(self, request: gr.Request) -> tuple[Any, ...]:
        """An empty conversation; a reply under way is stopped."""
        await self._generations.leave(page_of(request))
        return Chat(), [], box(stop=False), notice(""), ""

    async def open(self, conversation_id: str, request: gr.Request) -> tuple[Any, ...]:
        """The conversation's newest branch; what is in the box stays there."""
        await self._generations.leave(page_of(request))
        try:
            conversation = await self._gateway.conversation(key_of(request), conversation_id)
        except RatchetError as error:
            return gr.skip(), gr.skip(), box(stop=False), notice(plain(error)), gr.skip()
        path = newest_path(conversation)
        chat = Chat(conversation_id=conversation_id, path=path)
        return chat, chatbot_messages(path), box(stop=False), notice(""), last_receipt(path)

    async def listed(self, chat: Chat, request: gr.Request) -> Any:
        """The visitor's conversations, newest first, with the open one marked."""
        try:
            conversations = await self._gateway.conversations(key_of(request))
        except RatchetError as error:
            gr.Warning(plain(error))
            return gr.skip()
        choices = [(titled(entry.title), entry.conversation_id) for entry in conversations]
        known = {conversation_id for _, conversation_id in choices}
        return gr.Radio(choices=choices, value=chat.conversation_id if chat.conversation_id in known else None)


def _arrived(chat: Chat, reply: Shown, pieces: list[Piece]) -> tuple[Chat, Shown]:
    for piece in pieces:
        if isinstance(piece, Receipt):
            chat = replace(chat, conversation_id=piece.conversation_id)
            reply = replace(reply, message_id=piece.message_id, adapter_id=piece.adapter_id)
        else:
            reply = replace(reply, content=reply.content + piece)
    return chat, reply


def _index(event: gr.RetryData | gr.EditData) -> int:
    return event.index if isinstance(event.index, int) else event.index[0]


def _nothing() -> tuple[Any, ...]:
    return (gr.skip(),) * 5
