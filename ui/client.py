"""The gateway, as the page sees it: every call carries the visitor's own key, every failure is a RatchetError."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import openai

from feedback.errors import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    NotReady,
    RatchetError,
    StorageFull,
    TooLarge,
    Unauthenticated,
    UpstreamFailed,
)
from feedback.words import Conversation, Feedback, Receipt, Turn
from ui.wording import Waiting

CONNECT_TIMEOUT_S = 5.0
SILENCE_TIMEOUT_S = 120.0  # a long prompt on a CPU can take this long before its first token
BY_STATUS: dict[int, type[RatchetError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    502: UpstreamFailed,
    507: StorageFull,
}


def http_client(gateway_url: str) -> httpx.AsyncClient:
    """One pool of connections for the process. Proxies of the environment aren't used: the gateway is ours."""
    timeout = httpx.Timeout(SILENCE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    return httpx.AsyncClient(base_url=gateway_url, timeout=timeout, trust_env=False)


class Gateway:
    """Calls over one pool. Holds no key: each call is given the visitor's."""

    def __init__(self, http: httpx.AsyncClient, line: str) -> None:
        self._http = http
        self._line = line
        self._openai = openai.AsyncOpenAI(
            base_url=f"{str(http.base_url).rstrip('/')}/v1", api_key="none", max_retries=0, http_client=http
        )

    async def enter(self, link: str) -> str:
        """The key that a one-time link stands for; the link is spent afterwards."""
        session = await self._call("POST", "/v1/session", json={"link": link})
        return str(session["key"])

    async def check(self, key: str) -> None:
        """Returns when the key is good; raises Unauthenticated when it isn't."""
        await self._call("GET", "/v1/me", key)

    async def waiting_for(self) -> tuple[Waiting, ...]:
        """Empty when chats can be answered. A gateway that doesn't answer is itself what is waited for."""
        try:
            response = await self._http.get("/readyz", timeout=CONNECT_TIMEOUT_S)
        except httpx.HTTPError as error:
            return (Waiting("the gateway", None, f"{self._http.base_url} does not answer ({type(error).__name__})"),)
        if response.is_success:
            return ()
        reasons = _document(response).get("waiting_for") or [{"what": "the gateway"}]
        return tuple(Waiting(str(r["what"]), r.get("for_s"), str(r.get("detail") or "")) for r in reasons)

    async def conversations(self, key: str, limit: int = 50) -> tuple[Conversation, ...]:
        """The visitor's newest conversations, without their messages."""
        listed = await self._call("GET", "/v1/conversations", key, params={"limit": limit})
        return tuple(Conversation.model_validate(entry) for entry in listed["conversations"])

    async def conversation(self, key: str, conversation_id: str) -> Conversation:
        return Conversation.model_validate(await self._call("GET", f"/v1/conversations/{conversation_id}", key))

    async def give_feedback(self, key: str, judgement: Mapping[str, Any]) -> Feedback:
        """Stored durably when this returns. `judgement` is a Feedback without id, user and time."""
        return Feedback.model_validate(
            await self._call("POST", "/v1/feedback", key, json={"source": "chat", **judgement})
        )

    async def withdraw_feedback(self, key: str, feedback_id: str) -> None:
        await self._call("DELETE", f"/v1/feedback/{feedback_id}", key)

    async def feedback_on(self, key: str, message_id: str) -> tuple[Feedback, ...]:
        """The visitor's own judgements of one message, amended and withdrawn ones included."""
        listed = await self._call("GET", "/v1/feedback", key, params={"message_id": message_id})
        return tuple(Feedback.model_validate(entry) for entry in listed["feedback"])

    async def reply(
        self, key: str, prompt: Sequence[Turn], conversation_id: str | None
    ) -> AsyncGenerator[Receipt | str, None]:
        """First the Receipt, then the reply piece by piece. Closing or cancelling it ends the generation upstream."""
        with _speaking():
            response = await self._openai.with_options(api_key=key).chat.completions.with_raw_response.create(
                model=self._line,
                messages=[{"role": turn.role, "content": turn.content} for turn in prompt],
                stream=True,
                extra_body={"conversation_id": conversation_id} if conversation_id else None,
            )
            stream = response.parse()
            try:
                yield _receipt(response.headers)
                async for chunk in stream:
                    for choice in chunk.choices[:1]:
                        if choice.delta.content:
                            yield choice.delta.content
            finally:
                await stream.close()

    async def _call(self, method: str, path: str, key: str | None = None, **options: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with _speaking():
            response = await self._http.request(method, path, headers=headers, **options)
            response.raise_for_status()
        return _document(response)


def _receipt(headers: httpx.Headers) -> Receipt:
    names = {
        "message_id": "x-ratchet-message-id",
        "conversation_id": "x-ratchet-conversation-id",
        "adapter_id": "x-ratchet-adapter",
    }
    absent = [name for name in names.values() if name not in headers]
    if absent:
        raise UpstreamFailed(f"the reply carries no receipt ({', '.join(absent)}); is this a Ratchet gateway?")
    return Receipt(**{field: headers[name] for field, name in names.items()})


@contextmanager
def _speaking() -> Iterator[None]:
    """Whatever goes wrong with the gateway inside becomes a RatchetError."""
    try:
        yield
    except (openai.APIStatusError, httpx.HTTPStatusError) as error:
        raise refused(error.response.status_code, _detail(error.response), error.response.headers) from error
    except (openai.APIConnectionError, httpx.TransportError) as error:
        raise NotReady(f"the gateway does not answer ({type(error).__name__}); is it running?") from error
    except openai.APIError as error:
        raise UpstreamFailed(f"the reply broke off: {error.message}") from error


def refused(status: int, detail: str, headers: Mapping[str, str]) -> RatchetError:
    """The family's error for an HTTP status. 429 and 503 are NotReady and keep the seconds of `Retry-After`."""
    if status in (429, 503):
        seconds = headers.get("retry-after", "")
        return NotReady(detail, retry_after_s=int(seconds) if seconds.isdigit() else 5)
    return BY_STATUS.get(status, RatchetError)(detail)


def _detail(response: httpx.Response) -> str:
    """The server's own words: a problem's `detail`, or the `message` of an error in OpenAI's shape."""
    document = _document(response)
    error = document.get("error")
    said = error.get("message") if isinstance(error, dict) else document.get("detail")
    return str(said or f"the gateway answered {response.status_code}")


def _document(response: httpx.Response) -> dict[str, Any]:
    """The body as an object; an empty one for a body that is something else or isn't read."""
    try:
        document = response.json()
    except (ValueError, httpx.ResponseNotRead):
        return {}
    return document if isinstance(document, dict) else {}
