"""One vLLM over HTTP. Only this module knows its routes; their shapes are held in step by tests/serve/vllm_contract.py.

Every method raises NotReady when vLLM can't be reached or breaks off, NotFound when it doesn't have the model,
BadRequest when it refuses what the caller asked for, UpstreamFailed when it answers with anything else unexpected.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from feedback.errors import NotFound, NotReady, UpstreamFailed
from feedback.words import Turn
from serve.problems import BadRequest

LISTING_TIMEOUT_S = 30.0  # vLLM may compute in the process that answers, so a slow listing isn't a dead vLLM
WARM_UP_TIMEOUT_S = 120.0
IDLE_S = 2.0  # vLLM hangs up after five idle seconds; a request sent at that moment would be lost
SHOWN_CHARS = 400
TOO_LONG = "maximum context length"


class Replica:
    """A pooled connection to one vLLM. It takes no proxy from the environment and follows no redirect."""

    def __init__(self, url: str, connect_timeout_s: float, reply_timeout_s: float) -> None:
        self.url = url
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(reply_timeout_s, connect=connect_timeout_s),
            limits=httpx.Limits(max_keepalive_connections=128, keepalive_expiry=IDLE_S),
            headers={"accept-encoding": "identity"},
            trust_env=False,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def models(self) -> dict[str, str]:
        """The name of each model it answers for (base and adapters) -> the path it was loaded from."""
        with self._reached():
            response = await self._http.get("/v1/models", timeout=LISTING_TIMEOUT_S)
        listed = self._json(response)
        try:
            return {card["id"]: str(card.get("root")) for card in listed["data"]}
        except (KeyError, TypeError) as wrong:
            raise UpstreamFailed(f"vLLM at {self.url} lists its models in an unknown form ({wrong})") from wrong

    async def load(self, adapter_id: str, adapter_dir: Path) -> None:
        """The adapter is listed under its name. UpstreamFailed, in vLLM's words, when it refuses the files."""
        await self._post(
            "/v1/load_lora_adapter", {"lora_name": adapter_id, "lora_path": str(adapter_dir)}, WARM_UP_TIMEOUT_S
        )

    async def unload(self, adapter_id: str) -> None:
        await self._post("/v1/unload_lora_adapter", {"lora_name": adapter_id}, WARM_UP_TIMEOUT_S)

    async def warm_up(self, adapter_id: str) -> None:
        """The adapter has answered one token, so its weights are where they are computed with."""
        body = {"model": adapter_id, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
        answer = self._json(await self._post("/v1/chat/completions", body, WARM_UP_TIMEOUT_S))
        self.check_model(answer.get("model"), adapter_id)

    async def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The whole reply, from the model that the body names and no other."""
        answer = self._json(await self._post("/v1/chat/completions", body))
        self.check_model(answer.get("model"), body["model"])
        return answer

    @contextlib.asynccontextmanager
    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The reply's bytes as they come. Leaving the context ends the generation."""
        with self._reached():
            async with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
                if response.status_code != 200:
                    await response.aread()
                    raise self._refusal(response)
                yield response.aiter_raw()

    async def tokens(self, adapter_id: str, turns: Sequence[Turn]) -> list[int]:
        """The prompt's token ids, up to where the assistant's reply begins."""
        body = {"model": adapter_id, "messages": [turn.model_dump() for turn in turns], "add_generation_prompt": True}
        answer = self._json(await self._post("/tokenize", body))
        if not isinstance(answer.get("tokens"), list):
            raise UpstreamFailed(f"vLLM at {self.url} answered /tokenize without tokens")
        return list(answer["tokens"])

    def check_model(self, named: object, asked: str) -> None:
        """Raises UpstreamFailed unless vLLM named the adapter it was asked for."""
        if named != asked:
            raise UpstreamFailed(
                f"vLLM at {self.url} answered as {named!r:.{SHOWN_CHARS}}, '{asked}' was asked for; nothing was stored"
            )

    async def _post(self, path: str, body: Mapping[str, Any], timeout_s: float | None = None) -> httpx.Response:
        timeout = self._http.timeout if timeout_s is None else httpx.Timeout(timeout_s, connect=5)
        with self._reached():
            response = await self._http.post(path, json=body, timeout=timeout)
        if response.status_code != 200:
            raise self._refusal(response)
        return response

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as closed:
            raise NotReady(f"nothing answers at {self.url}: vLLM is still loading, or has stopped") from closed
        except httpx.TransportError as broken:
            what = str(broken) or type(broken).__name__
            raise NotReady(f"vLLM at {self.url} can't be reached or broke off ({what}); try again") from broken

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        try:
            content = response.json()
        except ValueError as wrong:
            raise UpstreamFailed(f"vLLM at {self.url} answered with something that is no JSON") from wrong
        if response.status_code != 200 or not isinstance(content, dict):
            raise self._refusal(response)
        return content

    def _refusal(self, response: httpx.Response) -> BadRequest | NotFound | UpstreamFailed:
        message, param = _said(response)
        if response.status_code == 400:
            if TOO_LONG in message:
                return BadRequest(message, "messages", "context_length_exceeded")
            return BadRequest(message, param)
        if response.status_code == 404:
            return NotFound(f"vLLM at {self.url}: {message}")
        return UpstreamFailed(f"vLLM at {self.url} answered {response.status_code}: {message}")


def _said(response: httpx.Response) -> tuple[str, str | None]:
    """vLLM's error message and the parameter it is about."""
    try:
        error = response.json()["error"]
        return str(error["message"])[:SHOWN_CHARS], error.get("param")
    except (ValueError, KeyError, TypeError, AttributeError):
        return response.text[:SHOWN_CHARS], None
