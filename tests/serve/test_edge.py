"""What comes in over the wire: too long, broken, random. Never a 5xx, never anything half stored."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serve.gateway import GatewayProcess, saying

POSTS = ["/v1/chat/completions", "/v1/feedback", "/v1/session", "/ops/keys", "/ops/adapters", "/ops/promotions"]
JSON_TYPE = {"content-type": "application/json"}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["main", "user", "up"])
NAMES = st.text() | st.sampled_from(
    ["model", "messages", "role", "content", "stream", "n", "stop", "kind", "message_id", "thumb", "link", "user_id",
     "line", "run_id", "adapter_id", "action", "conversation_id", "seed", "temperature", "response_format", "tools"]
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=20)


@pytest.mark.parametrize("path", POSTS)
def test_a_body_over_the_limit_is_a_413(steady: GatewayProcess, path: str) -> None:
    too_much = b" " * (steady.settings.max_body_bytes + 1)

    def in_pieces() -> Iterator[bytes]:
        for start in range(0, len(too_much), 65_536):
            yield too_much[start : start + 65_536]

    for content in (too_much, in_pieces()):
        answer = steady.operator.post(path, content=content, headers=JSON_TYPE)
        assert answer.status_code == 413
        body = answer.json()
        assert (body["error"] if path.startswith("/v1/chat") else body)["code"] == "too_large"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(POSTS), st.dictionaries(NAMES, VALUES) | VALUES)
def test_random_json_is_refused_or_answered(steady: GatewayProcess, path: str, body: Any) -> None:
    answer = steady.operator.post(path, content=json.dumps(body), headers=JSON_TYPE)
    assert answer.status_code < 500, answer.text
    assert answer.is_success or "error" in answer.json() or answer.json()["code"]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(POSTS), st.binary(), st.sampled_from(["application/json", "text/plain", "x", ""]))
def test_random_bytes_are_refused(steady: GatewayProcess, path: str, content: bytes, kind: str) -> None:
    answer = steady.operator.post(path, content=content, headers={"content-type": kind})
    assert 400 <= answer.status_code < 500, answer.text


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, VALUES), st.text())
def test_a_chat_with_random_additions_is_refused_or_answered(steady: GatewayProcess, more: Any, said: str) -> None:
    body = saying(said) | {name: value for name, value in more.items() if name != "model"}
    answer = steady.ann.post("/v1/chat/completions", content=json.dumps(body), headers=JSON_TYPE)
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("depth", [10, 500, 100_000])
def test_deep_nesting_is_no_danger(steady: GatewayProcess, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    schema = f'{{"type": "json_schema", "json_schema": {{"schema": {nested}}}}}'
    for field, value in (("metadata", nested), ("response_format", schema)):
        content = json.dumps(saying("Hello"))[:-1] + f', "{field}": {value}}}'
        answer = steady.ann.post("/v1/chat/completions", content=content, headers=JSON_TYPE)
        assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/v1/feedback", 405),
        ("GET", "/v1/chat/completions", 405),
        ("GET", "/docs", 404),
    ],
)
def test_unknown_routes_and_methods(steady: GatewayProcess, method: str, path: str, status: int) -> None:
    answer = steady.nobody.request(method, path)
    assert answer.status_code == status
    assert path in answer.text


def test_every_answer_has_the_security_headers(steady: GatewayProcess) -> None:
    answers: list[httpx.Response] = [
        steady.nobody.get("/healthz"),
        steady.nobody.get("/nothing"),
        steady.ann.post("/v1/chat/completions", json=saying("Hello")),
        steady.ann.post("/v1/chat/completions", json=saying("Hello", stream=True)),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_metrics_count_by_template_not_by_path(steady: GatewayProcess) -> None:
    steady.ann.get(f"/v1/conversations/conv_{'1' * 28}")
    steady.ann.post("/v1/chat/completions", json=saying("Hello", stream=True))
    text = steady.nobody.get("/metrics").text
    counted = 'ratchet_requests_total{method="GET",route="/v1/conversations/{conversation_id}",status="404"}'
    assert counted in text
    assert "1" * 28 not in text
    assert 'ratchet_tokens_total{adapter="tiny-base",kind="completion"}' in text
    assert "ratchet_first_token_seconds_count" in text
    assert "ratchet_store_queue 0.0" in text


def test_the_openapi_document_is_true(steady: GatewayProcess) -> None:
    document = steady.nobody.get("/openapi.json").json()
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert set(chat["responses"]) >= {"200", "400", "401", "404", "413", "502", "503"}
    assert "422" not in chat["responses"]
    assert set(chat["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            kinds = {kind for answer in operation["responses"].values() for kind in answer.get("content", {})}
            assert kinds <= {"application/json", "application/problem+json", "text/event-stream", "text/plain"}, path
    assert "HTTPValidationError" not in document["components"]["schemas"]
