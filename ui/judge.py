"""What the page does when somebody judges a reply: thumbs with reasons, a better answer, a copy.

A thumb is stored with the click that gives it; reasons given afterwards amend it, a second click takes it back.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

from feedback.errors import RatchetError
from feedback.words import Feedback, FeedbackKind
from ui.client import Gateway
from ui.talk import Chat
from ui.transcript import Shown, reply_with_text, thumb_marks
from ui.visitor import key_of
from ui.wording import TAKEN_BACK, THANKS, plain

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Thumb:
    """The visitor's standing thumb on one reply."""

    feedback_id: str
    thumb: Literal["up", "down"]


Thumbs = dict[str, Literal["up", "down"]]  # by message id


def standing_thumb(history: Sequence[Feedback]) -> Thumb | None:
    """The thumb that holds after every amendment and withdrawal; the newest one when there are several."""
    gone = {entry.supersedes for entry in history if entry.supersedes}
    standing = [entry for entry in history if entry.kind is FeedbackKind.THUMB and entry.feedback_id not in gone]
    newest = max(standing, key=lambda entry: (entry.created_at, entry.feedback_id), default=None)
    if newest is None or newest.withdrawn or newest.thumb is None:
        return None
    return Thumb(newest.feedback_id, newest.thumb)


class Judge:
    """Handlers. The panel under the chat is for one reply, whose id is `judging`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def thumb(
        self, chat: Chat, thumbs: Thumbs, judging: str | None, event: gr.LikeData, request: gr.Request
    ) -> tuple[Any, ...]:
        """(thumbs, marks, judging, reasons panel, reasons, comment): a thumb down opens the panel, empty."""
        message_id = chat.path[_index(event)].message_id
        unchanged = gr.skip(), marks(chat.path, thumbs), *(gr.skip(),) * 4
        if message_id is None:
            return unchanged
        try:
            thumbs = await self._given(key_of(request), thumbs, message_id, event.liked)
        except RatchetError as error:
            gr.Warning(plain(error))
            return unchanged
        down = event.liked is False
        judged = message_id if down else judging
        return thumbs, marks(chat.path, thumbs), judged, gr.Column(visible=down), [], ""

    async def _given(self, key: str, thumbs: Thumbs, message_id: str, liked: bool | str) -> Thumbs:
        others = {known: thumb for known, thumb in thumbs.items() if known != message_id}
        if isinstance(liked, bool):
            thumb: Literal["up", "down"] = "up" if liked else "down"
            await self._store_thumb(key, message_id, {"thumb": thumb})
            toast(THANKS)
            return {**others, message_id: thumb}
        before = standing_thumb(await self._gateway.feedback_on(key, message_id))
        if before:
            await self._gateway.withdraw_feedback(key, before.feedback_id)
            toast(TAKEN_BACK)
        return others

    async def _store_thumb(self, key: str, message_id: str, judgement: dict[str, Any]) -> None:
        """The gateway is asked what it amends: another tab may have judged the same reply."""
        before = standing_thumb(await self._gateway.feedback_on(key, message_id))
        amends = {"supersedes": before.feedback_id} if before else {}
        await self._gateway.give_feedback(key, {"kind": "thumb", "message_id": message_id, **judgement, **amends})

    async def explain(
        self, judging: str | None, reasons: list[str], comment: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """(reasons, comment, panel): the reasons amend the thumb down; on failure all stays as it was."""
        if judging is None or not (reasons or comment.strip()):
            return [], "", gr.Column(visible=False)
        because: dict[str, Any] = {"thumb": "down", "reasons": reasons}
        if comment.strip():
            because["comment"] = comment.strip()
        try:
            await self._store_thumb(key_of(request), judging, because)
        except RatchetError as error:
            gr.Warning(plain(error))
            return (gr.skip(),) * 3
        toast(THANKS)
        return [], "", gr.Column(visible=False)

    async def offer(self, chat: Chat, event: gr.SelectData) -> tuple[Any, ...]:
        """(judging, better answer, its panel, reasons panel) for the reply whose button was pressed."""
        return self._opened(chat, str(event.value))

    async def offer_judged(self, chat: Chat, judging: str | None) -> tuple[Any, ...]:
        """The same for the reply whose reasons panel is open."""
        return self._opened(chat, judging)

    def _opened(self, chat: Chat, message_id: str | None) -> tuple[Any, ...]:
        reply = next((entry for entry in chat.path if entry.message_id == message_id), None)
        if reply is None:
            return (gr.skip(),) * 4
        return message_id, reply.content, gr.Column(visible=True), gr.Column(visible=False)

    async def correct(self, chat: Chat, judging: str | None, better: str, request: gr.Request) -> Any:
        """The panel: closed once the better answer is stored, open with its text otherwise."""
        original = next((entry.content for entry in chat.path if entry.message_id == judging), None)
        if judging is None or original is None:
            return gr.Column(visible=False)
        if not better.strip() or better.strip() == original.strip():
            gr.Warning("Change the answer first: it is still the one that was given.")
            return gr.skip()
        try:
            judgement = {"kind": "correction", "message_id": judging, "correction": better.strip()}
            await self._gateway.give_feedback(key_of(request), judgement)
        except RatchetError as error:
            gr.Warning(plain(error))
            return gr.skip()
        toast(THANKS)
        return gr.Column(visible=False)

    async def copied(self, chat: Chat, event: gr.CopyData, request: gr.Request) -> None:
        """An implicit judgement; copying one's own message says nothing. A failure isn't the person's business."""
        reply = reply_with_text(chat.path, str(event.value))
        if reply is None or reply.message_id is None:
            return
        try:
            await self._gateway.give_feedback(key_of(request), {"kind": "copy", "message_id": reply.message_id})
        except RatchetError as error:
            log.warning("a copy of message %s wasn't stored: %s", reply.message_id, error)

    async def recall(self, chat: Chat, request: gr.Request) -> tuple[Any, ...]:
        """(thumbs, marks, judging, reasons panel, better-answer panel) after another conversation was opened."""
        message_ids = [entry.message_id for entry in chat.path if entry.role == "assistant" and entry.message_id]
        key = key_of(request)
        try:
            histories = await asyncio.gather(*(self._gateway.feedback_on(key, known) for known in message_ids))
        except RatchetError as error:
            gr.Warning(plain(error))
            histories = []
        standing = {known: standing_thumb(entries) for known, entries in zip(message_ids, histories, strict=False)}
        thumbs = {known: thumb.thumb for known, thumb in standing.items() if thumb}
        return thumbs, marks(chat.path, thumbs), None, gr.Column(visible=False), gr.Column(visible=False)


def toast(text: str) -> None:
    gr.Info(text, duration=4)


def marks(path: tuple[Shown, ...], thumbs: Thumbs) -> Any:
    """The chatbot's filled-in thumbs and nothing else of it."""
    return gr.Chatbot(feedback_value=thumb_marks(path, thumbs))


def _index(event: gr.LikeData) -> int:
    return event.index if isinstance(event.index, int) else event.index[0]
