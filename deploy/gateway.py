"""The gateway as an operator's program sees it: its HTTP routes as methods, its problems as our errors."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from feedback import errors
from feedback.words import Adapter, Conversation, Feedback, Promotion, Turn

KINDS: dict[str, type[errors.RatchetError]] = {
    kind.code: kind
    for kind in (
        errors.Invalid, errors.NotFound, errors.NotAllowed, errors.Unauthenticated, errors.Conflict, errors.TooLarge,
        errors.UpstreamFailed, errors.Corrupt, errors.StorageFull,
    )
}  # fmt: skip


def operator_key(home: Path) -> str:
    """The local operator's key, which the gateway writes at its first start."""
    file = home / "operator.key"
    if not file.exists():
        raise errors.NotReady(f"there is no {file} yet; start the platform with `ratchet up`")
    return file.read_text().strip()


class Gateway:
    """A client with one API key. Every method raises a RatchetError with what the gateway said."""

    def __init__(self, url: str, key: str, timeout_s: float = 120) -> None:
        self.url = url
        self.http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(timeout_s, connect=5),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = self.http.request(method, path, **request)
        except httpx.TransportError as error:
            raise errors.NotReady(
                f"the gateway at {self.url} doesn't answer ({error}); see `ratchet status`"
            ) from error
        if response.is_error:
            raise problem(response)
        return response

    def ready(self) -> tuple[bool, str]:
        """Whether chats can be answered, and if not, what is being waited for."""
        try:
            response = self.http.get("/readyz")
        except httpx.TransportError as error:
            return False, f"gateway: {type(error).__name__}"
        waits = response.json().get("waiting_for", [])
        return response.is_success, ", ".join(f"{w['what']} ({w['for_s']:.0f} s): {w['detail']}" for w in waits)

    def wait_ready(self, timeout_s: float, say: Callable[[str], None] = lambda _: None) -> float:
        """Seconds waited until chats can be answered; raises NotReady with what is missing after `timeout_s`."""
        started = time.monotonic()
        while True:
            ready, detail = self.ready()
            waited = time.monotonic() - started
            if ready:
                return waited
            if waited > timeout_s:
                raise errors.NotReady(f"not ready after {timeout_s:.0f} s: {detail}; see `ratchet logs vllm`")
            say(detail)
            time.sleep(1)

    def status(self) -> dict[str, Any]:
        return dict(self.call("GET", "/ops/status").json())

    def new_key(self, user_id: str, role: str, label: str) -> str:
        return str(
            self.call("POST", "/ops/keys", json={"user_id": user_id, "role": role, "label": label}).json()["key"]
        )

    def new_link(self, user_id: str, role: str) -> tuple[str, datetime]:
        made = self.call("POST", "/ops/links", json={"user_id": user_id, "role": role}).json()
        return made["token"], datetime.fromisoformat(made["expires_at"])

    def snapshot(self) -> dict[str, Any]:
        return dict(self.call("POST", "/ops/snapshots").json())

    def take_in(self, run_id: str, line: str) -> Adapter:
        """The run's adapter, named, loaded and warmed."""
        return Adapter.model_validate(self.call("POST", "/ops/adapters", json={"run_id": run_id, "line": line}).json())

    def adapters(self, line: str) -> list[Adapter]:
        found = self.call("GET", "/ops/adapters", params={"line": line}).json()["adapters"]
        return [Adapter.model_validate(one) for one in found]

    def promotions(self, line: str) -> list[Promotion]:
        found = self.call("GET", "/ops/promotions", params={"line": line}).json()["promotions"]
        return [Promotion.model_validate(one) for one in found]

    def live(self, line: str) -> str:
        """The adapter (or base) that answers the line now."""
        lines = {one["line"]: one["live"] for one in self.status()["lines"]}
        if line not in lines:
            raise errors.NotFound(f"there is no line '{line}'; the gateway serves {sorted(lines)}")
        return str(lines[line])

    def promote(self, decision: dict[str, Any]) -> Promotion:
        return Promotion.model_validate(self.call("POST", "/ops/promotions", json=decision).json())

    def chat(self, body: dict[str, Any]) -> httpx.Response:
        return self.call("POST", "/v1/chat/completions", json=body)

    def log_likelihood(self, adapter_id: str, prompt: tuple[Turn, ...], completion: str) -> tuple[float, int]:
        body = {"adapter_id": adapter_id, "prompt": [turn.model_dump() for turn in prompt], "completion": completion}
        scored = self.call("POST", "/ops/loglikelihood", json=body).json()
        return scored["logprob"], scored["tokens"]

    def give(self, feedback: dict[str, Any]) -> Feedback:
        return Feedback.model_validate(self.call("POST", "/v1/feedback", json=feedback).json())

    def conversation(self, conversation_id: str) -> Conversation:
        return Conversation.model_validate(self.call("GET", f"/v1/conversations/{conversation_id}").json())


def problem(response: httpx.Response) -> errors.RatchetError:
    """The error that a problem document or an OpenAI error object describes."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    inner = body.get("error") or {}
    detail = body.get("detail") or inner.get("message") or response.text[:500]
    if response.status_code == 503:
        return errors.NotReady(detail, retry_after_s=int(response.headers.get("retry-after", 5)))
    by_status: dict[int, type[errors.RatchetError]] = {known.status: known for known in KINDS.values()}
    by_status[errors.Invalid.status] = errors.Invalid  # which Corrupt shares
    kind = KINDS.get(body.get("code") or "") or by_status.get(response.status_code, errors.RatchetError)
    return kind(detail)
