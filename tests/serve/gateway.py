"""A whole gateway in a thread, and what tests do with it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai

from feedback.store import Store
from feedback.words import AccessRole
from serve.access_routes import made
from serve.app import create_app
from serve.parts import assemble, now
from serve.settings import Settings
from tests.serve.example import BASE_HASH, write_run
from tests.serve.fake_vllm import BASE_ID
from tests.serve.running import Running, wait_until


@dataclass(frozen=True)
class Streamed:
    """A stream as it was read: its parsed events, whether it ended with the end mark, and its headers."""

    events: list[dict[str, Any]]
    done: bool
    headers: httpx.Headers

    @property
    def text(self) -> str:
        return "".join(c["delta"].get("content", "") for e in self.events for c in e.get("choices", []))

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [event["error"] for event in self.events if "error" in event]


class GatewayProcess:
    def __init__(self, home: Path, replicas: list[str], **settings: Any) -> None:
        fields: dict[str, Any] = {"reconcile_every_s": 0.1, "base_id": BASE_ID, "base_hash": BASE_HASH, **settings}
        self.settings = Settings(home=home, replicas=tuple(replicas), **fields)
        self.settings.database.parent.mkdir(parents=True, exist_ok=True)
        self.store = Store(self.settings.database)
        self.parts = assemble(self.settings, self.store)
        self.server = Running(create_app(self.parts))
        self.url = self.server.url
        self.operator = self.client("operator", AccessRole.OPERATOR)
        self.ann = self.client("ann")
        self.bob = self.client("bob")
        self.nobody = httpx.Client(base_url=self.url)

    def stop(self) -> None:
        for client in (self.operator, self.ann, self.bob, self.nobody):
            client.close()
        self.server.stop()
        self.store.close()

    def key(self, user_id: str, role: AccessRole = AccessRole.USER) -> str:
        key, secret = made(user_id, role, "test", now())
        self.store.add_key(key).result()
        return secret

    def client(self, user_id: str, role: AccessRole = AccessRole.USER) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.key(user_id, role)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def openai(self, user_id: str = "ann") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key(user_id), max_retries=0)

    def wait_ready(self) -> None:
        wait_until(lambda: self.nobody.get("/readyz").is_success)

    def wait_down(self) -> None:
        wait_until(lambda: self.nobody.get("/readyz").status_code == 503)

    def take_in(self, number: int) -> str:
        """The adapter's name that this run's adapter was given."""
        run_id = write_run(self.settings.home, number)
        taken = self.operator.post("/ops/adapters", json={"run_id": run_id, "line": "main"})
        assert taken.status_code == 201, taken.text
        return str(taken.json()["adapter_id"])

    def decide(self, action: str, adapter_id: str, incumbent: str | None = None) -> httpx.Response:
        body = {
            "line": "main",
            "action": action,
            "adapter_id": adapter_id,
            "expected_incumbent_id": incumbent or self.live(),
            "reason": "a test",
        }
        return self.operator.post("/ops/promotions", json=body)

    def promote(self, adapter_id: str) -> None:
        decided = self.decide("promote", adapter_id)
        assert decided.status_code == 201, decided.text

    def live(self) -> str:
        return str(self.operator.get("/ops/status").json()["lines"][0]["live"])

    def stream(self, client: httpx.Client, body: dict[str, Any]) -> Streamed:
        with client.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as response:
            raw = response.read().decode()
            assert response.status_code == 200, raw
        lines = [line.removeprefix("data: ") for line in raw.split("\n\n") if line]
        events = [json.loads(line) for line in lines if line != "[DONE]"]
        return Streamed(events, lines[-1] == "[DONE]", response.headers)


def saying(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "main", "messages": [{"role": "user", "content": text}], **more}
