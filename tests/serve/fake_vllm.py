"""vLLM 0.32's HTTP as far as the gateway uses it, without a model. vllm_contract.py holds both to the same shapes."""

import asyncio
import json
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.serve.running import Running

BASE_ID = "tiny-base"
Messages = list[dict[str, str]]


def echo(model: str, messages: Messages) -> str:
    return f"{model} heard: {messages[-1]['content']}"


@dataclass
class Behaviour:
    """What a test asks of the fake."""

    say: Callable[[str, Messages], str] = echo
    first_delay_s: float = 0.0
    delay_s: float = 0.0  # between words
    break_after: int | None = None  # words, then the connection is cut
    error_after: int | None = None  # words, then an error event as vLLM writes it
    answer_as: str | None = None  # the wrong model's name
    answer_as_after: int = 0  # words said under the right name before that
    fail_with: int | None = None  # status of every chat
    refuse: set[str] = field(default_factory=set)  # adapters that can't be loaded
    max_model_len: int = 200


class FakeVLLM:
    """One process's worth of state: `restart` loses what was loaded, as vLLM does."""

    def __init__(self) -> None:
        self.behave = Behaviour()
        self.bodies: list[dict[str, Any]] = []
        self.loaded: dict[str, str] = {}
        self.in_flight: Counter[str] = Counter()
        self.unloaded_in_flight: list[str] = []
        self.aborted = 0
        routes = [
            Route("/health", lambda _: Response()),
            Route("/v1/models", self.models),
            Route("/v1/load_lora_adapter", self.load, methods=["POST"]),
            Route("/v1/unload_lora_adapter", self.unload, methods=["POST"]),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/tokenize", self.tokenize, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)
        self.server = Running(self.app)
        self.url = self.server.url

    def kill(self) -> None:
        self.server.kill()
        self.loaded.clear()

    def restart(self) -> None:
        self.server = Running(self.app, self.server.port)

    async def models(self, _: Request) -> Response:
        cards = [{"id": BASE_ID, "object": "model", "root": "/base", "max_model_len": self.behave.max_model_len}]
        cards += [
            {"id": name, "object": "model", "root": path, "parent": BASE_ID} for name, path in self.loaded.items()
        ]
        return JSONResponse({"object": "list", "data": cards})

    async def load(self, request: Request) -> Response:
        body = await request.json()
        name, path = body["lora_name"], body["lora_path"]
        if name in self.loaded:
            return problem(400, f"The lora adapter '{name}' has already been loaded.", "InvalidUserInput")
        if name in self.behave.refuse or not (Path(path) / "adapter_config.json").exists():
            return problem(500, f"Loading lora {name} failed: no adapter at {path}", "InternalServerError")
        self.loaded[name] = path
        return PlainTextResponse(f"Success: LoRA adapter '{name}' added successfully.")

    async def unload(self, request: Request) -> Response:
        name = (await request.json())["lora_name"]
        if name not in self.loaded:
            return problem(404, f"The lora adapter '{name}' cannot be found.", "NotFoundError")
        if self.in_flight[name]:
            self.unloaded_in_flight.append(name)
        del self.loaded[name]
        return PlainTextResponse(f"Success: LoRA adapter '{name}' removed successfully.")

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        model, messages = body["model"], body["messages"]
        prompt = tokens(messages, body.get("add_generation_prompt", True))
        refusal = self.refusal(model, len(prompt))
        if refusal is not None:
            return refusal
        named = self.behave.answer_as or model
        words = self.behave.say(model, messages).split(" ")[: body.get("max_tokens", 1000)]
        head = {"id": f"chatcmpl-{body.get('request_id', 'x')}", "created": int(time.time())}
        if body.get("stream"):
            show_usage = (body.get("stream_options") or {}).get("include_usage", False)
            chunks = self.chunks(head, model, words, len(prompt) if show_usage else None)
            return StreamingResponse(chunks, media_type="text/event-stream")
        with Counted(self, model):
            await asyncio.sleep(self.behave.first_delay_s)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": " ".join(words), "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
            "stop_reason": None,
        }
        answer = head | {"object": "chat.completion", "model": named, "choices": [choice]}
        answer |= {"usage": usage(len(prompt), len(words)), "prompt_logprobs": None, "kv_transfer_params": None}
        if body.get("prompt_logprobs") is not None:
            answer["prompt_logprobs"] = [None, *({str(one): {"logprob": likely(model, one)}} for one in prompt[1:])]
        return JSONResponse(answer)

    def refusal(self, model: str, prompt_tokens: int) -> Response | None:
        if model != BASE_ID and model not in self.loaded:
            return problem(404, f"The model `{model}` does not exist.", "NotFoundError")
        if self.behave.fail_with:
            return problem(self.behave.fail_with, "the engine is dead", "InternalServerError")
        limit = self.behave.max_model_len
        if prompt_tokens >= limit:
            message = f"This model's maximum context length is {limit} tokens. However, your prompt contains more."
            return problem(400, message, "BadRequestError")
        return None

    async def chunks(
        self, head: dict[str, Any], model: str, words: list[str], prompt_tokens: int | None
    ) -> AsyncIterator[str]:
        behave = self.behave
        head |= {"object": "chat.completion.chunk"}

        def chunk(choices: list[dict[str, Any]], said: int = 0, **more: Any) -> str:
            named = behave.answer_as if behave.answer_as and said >= behave.answer_as_after else model
            content = head | {"model": named, "choices": choices} | more
            return f"data: {json.dumps(content, separators=(',', ':'))}\n\n"

        with Counted(self, model):
            await asyncio.sleep(behave.first_delay_s)
            yield chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
            for index, word in enumerate(words):
                if index == behave.break_after:
                    raise ConnectionAbortedError
                if index == behave.error_after:
                    error = {"message": "out of blocks", "type": "InternalServerError", "param": None, "code": 500}
                    yield f"data: {json.dumps({'error': error})}\n\n"
                    yield "data: [DONE]\n\n"
                    return
                text = word if index == 0 else f" {word}"
                end = "stop" if index == len(words) - 1 else None
                yield chunk([{"index": 0, "delta": {"content": text}, "finish_reason": end}], index + 1)
                await asyncio.sleep(behave.delay_s)
            if prompt_tokens is not None:
                yield chunk([], len(words), usage=usage(prompt_tokens, len(words)))
            yield "data: [DONE]\n\n"

    async def tokenize(self, request: Request) -> Response:
        body = await request.json()
        found = tokens(body["messages"], body.get("add_generation_prompt", True))
        return JSONResponse({"count": len(found), "max_model_len": self.behave.max_model_len, "tokens": found})


class Counted:
    """Counts a chat as in flight, and as aborted when the caller went away."""

    def __init__(self, vllm: FakeVLLM, model: str) -> None:
        self.vllm = vllm
        self.model = model

    def __enter__(self) -> None:
        self.vllm.in_flight[self.model] += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.vllm.in_flight[self.model] -= 1
        if kind in (asyncio.CancelledError, GeneratorExit):
            self.vllm.aborted += 1


def tokens(messages: Messages, add_generation_prompt: bool) -> list[int]:
    """A token for each word, framed by who speaks and the end of the turn."""
    words = [word for one in messages for word in (f"<{one['role']}>", *one["content"].split(), "<end>")]
    return [zlib.crc32(word.encode()) % 50_000 for word in words + ["<assistant>"] * add_generation_prompt]


def likely(model: str, token: int) -> float:
    return -((zlib.crc32(f"{model} {token}".encode()) % 1000) / 100)


def usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion}


def problem(status: int, message: str, kind: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)
