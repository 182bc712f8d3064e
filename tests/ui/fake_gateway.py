"""A gateway without a model: docs/architecture.md's routes over dictionaries, and replies that a test chooses."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from feedback.ids import new_id
from feedback.words import Conversation, Feedback, Message

KEY = "rk_test_visitor"
LINK = "one-time-link"
ADAPTER = "smollm2-135m--main-v0003-ab12cd34"


class FakeGateway:
    """What the routes read and write; a test sets the first group and looks at the second."""

    def __init__(self) -> None:
        self.waiting_for: list[dict[str, Any]] = []
        self.replies: dict[str, list[str]] = {}  # last message -> the words of its reply, one a chunk
        self.pause_s = 0.01
        self.held = False  # nothing comes after a reply's first word
        self.break_off = False

        self.conversations: dict[str, Conversation] = {}
        self.feedback: list[Feedback] = []
        self.prompts: list[list[dict[str, str]]] = []
        self.closed_early = 0
        self.links = {LINK}

    def tree(self, conversation_id: str | None) -> Conversation:
        if conversation_id in self.conversations:
            return self.conversations[conversation_id]
        at = datetime.now(UTC)
        return Conversation(conversation_id=new_id("conv", at), user_id="ann", created_at=at)

    def keep(self, conversation: Conversation) -> None:
        first = next((m.content for m in conversation.messages if m.role == "user"), "")
        titled = conversation.model_copy(update={"title": first})
        self.conversations[conversation.conversation_id] = titled

    def place(self, conversation: Conversation, turns: list[dict[str, str]]) -> tuple[Conversation, str | None]:
        """The conversation with these turns in it, and the id of the last: matched from the root, else a branch."""
        parent: str | None = None
        for turn in turns:
            key = (parent, turn["role"], turn["content"])
            match = next((m for m in conversation.messages if (m.parent_id, m.role, m.content) == key), None)
            match = match or self.message(conversation, parent, turn["role"], turn["content"])
            if match not in conversation.messages:
                conversation = conversation.model_copy(update={"messages": (*conversation.messages, match)})
            parent = match.message_id
        return conversation, parent

    @staticmethod
    def message(conversation: Conversation, parent: str | None, role: Any, content: str) -> Message:
        at = datetime.now(UTC)
        return Message(
            message_id=new_id("msg", at),
            conversation_id=conversation.conversation_id,
            parent_id=parent,
            role=role,
            content=content,
            created_at=at,
            adapter_id=ADAPTER if role == "assistant" else None,
        )

    async def words(self, conversation: Conversation, reply: Message, chunks: list[str]) -> AsyncIterator[str]:
        said = ""
        try:
            for chunk in chunks:
                await asyncio.sleep(self.pause_s)
                while self.held and said:
                    await asyncio.sleep(0.01)
                said += chunk
                yield _event(reply, {"content": chunk}, None)
            if self.break_off:
                yield 'data: {"error": {"message": "the engine died", "type": "server_error", "code": null}}\n\n'
                return
            yield _event(reply, {}, "stop")
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.closed_early += 1
            raise
        finally:
            stored = reply.model_copy(update={"content": said})
            self.keep(conversation.model_copy(update={"messages": (*conversation.messages, stored)}))


def _event(reply: Message, delta: dict[str, str], finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": reply.message_id, "object": "chat.completion.chunk", "created": 0, "model": "main"}
    return f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n"


def app_over(fake: FakeGateway) -> FastAPI:
    app = FastAPI()
    _session_routes(app, fake)
    _chat_routes(app, fake)
    _feedback_routes(app, fake)
    return app


def _known(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {KEY}"


def _problem(status: int, code: str, detail: str) -> JSONResponse:
    body = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}
    return JSONResponse(body, status, media_type="application/problem+json")


UNKNOWN = ("unauthenticated", "this key isn't known")


def _session_routes(app: FastAPI, fake: FakeGateway) -> None:
    @app.get("/readyz")
    async def ready() -> JSONResponse:
        return JSONResponse({"waiting_for": fake.waiting_for}, 503 if fake.waiting_for else 200)

    @app.post("/v1/session")
    async def session(body: dict[str, str]) -> JSONResponse:
        if body["link"] not in fake.links:
            return _problem(401, "unauthenticated", "this link was used already")
        fake.links.remove(body["link"])
        return JSONResponse({"key": KEY, "role": "user", "user_id": "ann"})

    @app.get("/v1/me")
    async def me(request: Request) -> JSONResponse:
        if not _known(request):
            return _problem(401, *UNKNOWN)
        return JSONResponse({"user_id": "ann", "role": "user", "key_id": "key_1"})


def _chat_routes(app: FastAPI, fake: FakeGateway) -> None:
    @app.post("/v1/chat/completions")
    async def chat(request: Request, body: dict[str, Any]) -> Response:
        if not _known(request):
            return JSONResponse({"error": {"message": UNKNOWN[1], "type": "auth", "code": UNKNOWN[0]}}, 401)
        if fake.waiting_for:
            error = {"message": "vLLM is still loading", "type": "server_error", "param": None, "code": "not_ready"}
            return JSONResponse({"error": error}, 503, headers={"Retry-After": "1"})
        fake.prompts.append(body["messages"])
        conversation, parent = fake.place(fake.tree(body.get("conversation_id")), body["messages"])
        reply = fake.message(conversation, parent, "assistant", "")
        last = body["messages"][-1]["content"]
        chunks = fake.replies.get(last, [f"You said: {last}"])
        headers = {
            "x-ratchet-conversation-id": conversation.conversation_id,
            "x-ratchet-message-id": reply.message_id,
            "x-ratchet-adapter": ADAPTER,
        }
        return StreamingResponse(fake.words(conversation, reply, chunks), 200, headers, "text/event-stream")

    @app.get("/v1/conversations")
    async def conversations(request: Request, limit: int = 50) -> JSONResponse:
        if not _known(request):
            return _problem(401, *UNKNOWN)
        newest = sorted(fake.conversations.values(), key=lambda c: c.created_at, reverse=True)
        listed = [c.model_copy(update={"messages": ()}).model_dump(mode="json") for c in newest[:limit]]
        return JSONResponse({"conversations": listed, "next": None})

    @app.get("/v1/conversations/{conversation_id}")
    async def conversation(conversation_id: str, request: Request) -> JSONResponse:
        if conversation_id not in fake.conversations or not _known(request):
            return _problem(404, "not_found", f"there is no conversation {conversation_id}")
        return JSONResponse(fake.conversations[conversation_id].model_dump(mode="json"))


def _feedback_routes(app: FastAPI, fake: FakeGateway) -> None:
    @app.post("/v1/feedback")
    async def give(request: Request, body: dict[str, Any]) -> JSONResponse:
        if not _known(request):
            return _problem(401, *UNKNOWN)
        at = datetime.now(UTC)
        given = Feedback(**body, feedback_id=new_id("fb", at), user_id="ann", created_at=at)
        fake.feedback.append(given)
        return JSONResponse(given.model_dump(mode="json"), 201)

    @app.get("/v1/feedback")
    async def about(request: Request, message_id: str) -> JSONResponse:
        found = [f.model_dump(mode="json") for f in fake.feedback if f.message_id == message_id]
        return JSONResponse({"feedback": found if _known(request) else []})

    @app.delete("/v1/feedback/{feedback_id}")
    async def withdraw(feedback_id: str) -> JSONResponse:
        before = next((f for f in fake.feedback if f.feedback_id == feedback_id), None)
        if before is None:
            return _problem(404, "not_found", f"there is no feedback {feedback_id}")
        at = datetime.now(UTC)
        after = {"feedback_id": new_id("fb", at), "created_at": at, "supersedes": feedback_id, "withdrawn": True}
        fake.feedback.append(before.model_copy(update=after))
        return JSONResponse(fake.feedback[-1].model_dump(mode="json"))


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address of this application, served by a real server on a free port for as long as the block lasts."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the server didn't start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
