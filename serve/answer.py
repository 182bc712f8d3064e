"""A chat's answer on its way from vLLM through the store to the caller.

The rule of both kinds: what the caller may rely on comes after the durable commit. A whole reply is sent after it; of a
stream the text passes at once and only the end mark (`data: [DONE]`) waits.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from feedback.errors import NotFound, NotReady, RatchetError, UpstreamFailed
from feedback.store import Store
from serve.chat_bodies import ChatCompletion
from serve.exchange import Call, Reply, exchange, read_stream, read_whole
from serve.fleet import Fleet, Seen
from serve.metrics import Metrics
from serve.problems import error_object
from serve.sse import DONE, ERROR_MARK, Rewrite, event, payloads, rewrite_like, take_whole

log = logging.getLogger(__name__)
OK = 200
STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no"}


class Desk:
    """What every answer needs: a seat at a replica, the store, the counters."""

    def __init__(self, fleet: Fleet, store: Store, metrics: Metrics, wake: Callable[[], None]) -> None:
        self.fleet = fleet
        self.metrics = metrics
        self._store = store
        self._wake = wake  # has the replicas looked at now

    async def keep(self, call: Call, reply: Reply) -> None:
        """The exchange is stored durably, unless the caller asked for it not to be."""
        self.metrics.replied(call.adapter_id, reply)
        if not call.store:
            self.metrics.unstored("asked")
            return
        stored = exchange(call, reply)
        await asyncio.wrap_future(self._store.add_exchange(stored.conversation, stored.messages, stored.feedback))

    def blame(self, seen: Seen, adapter_id: str, failed: RatchetError) -> RatchetError:
        """The error to tell the caller, after noting what it says about the replica."""
        if isinstance(failed, NotReady):
            seen.lost(str(failed))
            self._wake()
        elif isinstance(failed, NotFound):
            seen.ready.discard(adapter_id)
            self._wake()
            return NotReady(f"{adapter_id} is being loaded again after a restart of vLLM; try again", 1)
        return failed


class Answer(Response):
    """An answer that is made while it is sent. When the caller leaves, the generation is stopped."""

    background: BackgroundTask | None = None

    def __init__(self, call: Call, desk: Desk, started: float) -> None:
        self.call = call
        self.desk = desk
        self.started = started  # time.perf_counter() when the request came
        receipt = call.receipt
        self.receipt_headers = {
            "x-ratchet-conversation-id": receipt.conversation_id,
            "x-ratchet-message-id": receipt.message_id,
            "x-ratchet-adapter": receipt.adapter_id,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        adapter_id = self.call.adapter_id
        with self.desk.fleet.seat(adapter_id) as seen:
            self.desk.metrics.in_flight(adapter_id, +1)
            try:
                await until_left(receive, self.give(seen, send, scope, receive))
            finally:
                self.desk.metrics.in_flight(adapter_id, -1)

    async def give(self, seen: Seen, send: Send, scope: Scope, receive: Receive) -> None:
        raise NotImplementedError

    def elapsed_ms(self) -> float:
        return round((time.perf_counter() - self.started) * 1000, 3)


class WholeAnswer(Answer):
    """The reply in one piece, sent once it is stored."""

    async def give(self, seen: Seen, send: Send, scope: Scope, receive: Receive) -> None:
        try:
            answer = await seen.replica.complete(self.call.upstream_body(stream=False))
        except asyncio.CancelledError:
            self.desk.metrics.unstored("left_before_reply")
            raise
        except RatchetError as failed:
            raise self.desk.blame(seen, self.call.adapter_id, failed) from failed
        reply = read_whole(answer, self.elapsed_ms())
        shown = whole_reply(answer, self.call)
        await self.desk.keep(self.call, reply)
        await JSONResponse(shown, OK, self.receipt_headers)(scope, receive, send)


class StreamedAnswer(Answer):
    """The reply as it comes; what was said is collected from a copy and stored before the end mark."""

    def __init__(self, call: Call, desk: Desk, started: float) -> None:
        super().__init__(call, desk, started)
        self.copy = bytearray()
        self.begun = False
        self.first_token_ms = 0.0

    async def give(self, seen: Seen, send: Send, scope: Scope, receive: Receive) -> None:
        try:
            await self._relay(seen, send)
            last = await self._finish()
        except asyncio.CancelledError:
            await self._keep_part("disconnect")
            raise
        except RatchetError as failed:
            told = self.desk.blame(seen, self.call.adapter_id, failed)
            if not self.begun:
                raise told from failed
            await self._keep_part("error")
            last = event(error_object(told))
        await send({"type": "http.response.body", "body": last})

    async def _finish(self) -> bytes:
        """The end mark when the exchange is stored, else an error event that says why it isn't."""
        try:
            await self.desk.keep(self.call, self._reply())
        except RatchetError as failed:
            log.error("%s was not stored: %s", self.call.message_id, failed)
            self.desk.metrics.unstored(failed.code)
            return event(error_object(failed))
        return DONE

    async def _relay(self, seen: Seen, send: Send) -> None:
        """Every event but the end mark has been sent. Raises UpstreamFailed or NotReady when the stream breaks off."""
        rewrite: Rewrite | None = None
        buffer = bytearray()
        async with seen.replica.stream(self.call.upstream_body(stream=True)) as upstream:
            async for raw in upstream:
                buffer += raw
                events = take_whole(buffer)
                done = events.endswith(DONE)
                events = events.removesuffix(DONE)
                if ERROR_MARK in events:
                    raise UpstreamFailed(f"vLLM broke off: {events[-400:].decode(errors='replace').strip()}")
                if not events and not done:
                    continue
                if rewrite is None:
                    rewrite = await self._begin(seen, events, send)
                self.copy += events
                await send({"type": "http.response.body", "body": rewrite(events), "more_body": True})
                if done:
                    return
        raise UpstreamFailed("vLLM ended the stream before its end mark; the reply may be cut short")

    async def _begin(self, seen: Seen, events: bytes, send: Send) -> Rewrite:
        """The caller has the headers. Nothing has been sent when the wrong adapter answers."""
        chunks = payloads(events)
        if not chunks or not isinstance(chunks[0], dict):
            raise UpstreamFailed("vLLM's stream began with something that is no chunk; nothing was stored")
        seen.replica.check_model(chunks[0].get("model"), self.call.adapter_id)
        rewrite = rewrite_like(events, self.call.message_id, self.call.alias, self.call.show_usage)
        self.first_token_ms = self.elapsed_ms()
        headers = {**self.receipt_headers, **STREAM_HEADERS}
        raw_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": OK, "headers": raw_headers})
        self.begun = True
        return rewrite

    def _reply(self) -> Reply:
        return read_stream(payloads(bytes(self.copy)), self.call.adapter_id, self.first_token_ms, self.elapsed_ms())

    async def _keep_part(self, finish_reason: str) -> None:
        """What was said so far is stored as broken off; nothing is when nothing was said or another adapter spoke."""
        try:
            reply = self._reply()
        except UpstreamFailed as wrong:
            log.error("%s was not stored: %s", self.call.message_id, wrong)
            self.desk.metrics.unstored("wrong_adapter")
            return
        if not reply.content:
            self.desk.metrics.unstored(f"{finish_reason}_before_text")
            return
        try:
            await self.desk.keep(self.call, replace(reply, finish_reason=finish_reason))
        except RatchetError as failed:
            log.error("the part of %s that was said was not stored: %s", self.call.message_id, failed)
            self.desk.metrics.unstored("store_failed")


def whole_reply(answer: dict[str, Any], call: Call) -> dict[str, Any]:
    """vLLM's answer as the caller gets it: our id, their model name, OpenAI's fields and no others."""
    ours = answer | {"id": call.message_id, "model": call.alias}
    try:
        return ChatCompletion.model_validate(ours).model_dump(mode="json")
    except ValueError as wrong:
        raise UpstreamFailed(f"vLLM's reply has an unknown form ({wrong}); nothing was stored") from wrong


async def until_left(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """The work is done, or the caller has left and it was cancelled and has tidied up."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
