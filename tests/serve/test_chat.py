"""Chats through the whole gateway: what is answered, what is stored, what is refused."""

import json
from typing import Any

import httpx
import openai
import pytest

from tests.serve.fake_vllm import BASE_ID, FakeVLLM
from tests.serve.gateway import GatewayProcess, saying
from tests.serve.running import wait_until

UNKNOWN = "conv_" + "0" * 28


def stored(client: httpx.Client, headers: Any) -> list[dict[str, Any]]:
    """The conversation's messages, oldest first."""
    found = client.get(f"/v1/conversations/{headers['x-ratchet-conversation-id']}")
    return list(found.json()["messages"])


def test_a_whole_reply_carries_its_receipt_and_is_stored(gateway: GatewayProcess) -> None:
    answer = gateway.ann.post("/v1/chat/completions", json=saying("My  brake squeaks", temperature=0.5, user="x"))
    body, headers = answer.json(), answer.headers
    assert (body["model"], body["id"]) == ("main", headers["x-ratchet-message-id"])
    assert headers["x-ratchet-adapter"] == BASE_ID
    text = f"{BASE_ID} heard: My  brake squeaks"
    assert body["choices"][0]["message"]["content"] == text
    question, reply = stored(gateway.ann, headers)
    assert (question["role"], question["content"], question["parent_id"]) == ("user", "My  brake squeaks", None)
    assert (reply["message_id"], reply["parent_id"], reply["content"]) == (body["id"], question["message_id"], text)
    assert (reply["adapter_id"], reply["finish_reason"], reply["prompt_version"]) == (BASE_ID, "stop", "none")
    assert reply["sampling"] == {"temperature": 0.5}
    assert (reply["prompt_tokens"], reply["completion_tokens"]) == (
        body["usage"]["prompt_tokens"],
        body["usage"]["completion_tokens"],
    )
    assert reply["latency_ms"] > 0


@pytest.mark.parametrize("show_usage", [True, False])
def test_a_stream_reads_as_ours_and_is_stored(gateway: GatewayProcess, show_usage: bool) -> None:
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if show_usage else {}
    streamed = gateway.stream(gateway.ann, saying('Say "quotes"', **more))
    assert streamed.done
    assert streamed.headers["content-type"].startswith("text/event-stream")
    message_id = streamed.headers["x-ratchet-message-id"]
    assert {(event["id"], event["model"]) for event in streamed.events} == {(message_id, "main")}
    assert [event["usage"]["completion_tokens"] for event in streamed.events if "usage" in event] == [4] * show_usage
    assert streamed.text == f'{BASE_ID} heard: Say "quotes"'
    reply = stored(gateway.ann, streamed.headers)[-1]
    assert (reply["content"], reply["finish_reason"]) == (streamed.text, "stop")
    assert reply["completion_tokens"] == 4
    assert 0 < reply["first_token_ms"] <= reply["latency_ms"]


def test_vllm_sees_the_routed_name_and_checked_sampling_only(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    body = saying("Hello", top_p=0.9, stop=["x"], seed=1, metadata={"a": "b"}, max_tokens=3, store=False)
    answer = gateway.ann.post("/v1/chat/completions", json=body, headers={"x-request-id": "theirs"})
    assert answer.is_success
    sent = vllm.bodies[-1]
    assert sent == {
        "model": BASE_ID,
        "messages": [{"role": "user", "content": "Hello"}],
        "request_id": answer.json()["id"],
        "top_p": 0.9,
        "stop": ["x"],
        "seed": 1,
        "max_tokens": 3,
    }


def test_the_unmodified_openai_client_streams_lists_and_reads_the_receipt(gateway: GatewayProcess) -> None:
    with gateway.openai() as client:
        assert [model.id for model in client.models.list()] == ["main"]
        messages: Any = [{"role": "user", "content": "Hello"}]
        raw = client.chat.completions.with_raw_response.create(model="main", messages=messages)
        assert raw.parse().id == raw.headers["x-ratchet-message-id"]
        conversation_id = raw.headers["x-ratchet-conversation-id"]
        messages += [
            {"role": "assistant", "content": raw.parse().choices[0].message.content},
            {"role": "user", "content": "And now?"},
        ]
        with client.chat.completions.create(
            model="main", messages=messages, stream=True, extra_body={"conversation_id": conversation_id}
        ) as stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        assert text == f"{BASE_ID} heard: And now?"
        found = gateway.ann.get(f"/v1/conversations/{conversation_id}").json()
        assert [one["content"] for one in found["messages"][-2:]] == ["And now?", text]
        assert found["title"] == "Hello"
        with pytest.raises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="gpt-5", messages=messages)
        assert unknown.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as many:
            client.chat.completions.create(model="main", messages=messages, n=2)
        assert many.value.param == "n"
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="rk_wrong") as stranger:
        with pytest.raises(openai.AuthenticationError) as wrong:
            stranger.models.list()
        assert wrong.value.code == "invalid_api_key"


def test_regenerate_and_edit_are_noticed(gateway: GatewayProcess) -> None:
    first = gateway.ann.post("/v1/chat/completions", json=saying("Hello"))
    conversation_id = first.headers["x-ratchet-conversation-id"]
    again = gateway.stream(gateway.ann, saying("Hello", conversation_id=conversation_id))
    edited = gateway.ann.post("/v1/chat/completions", json=saying("Good day", conversation_id=conversation_id))
    messages = stored(gateway.ann, edited.headers)
    assert [one["role"] for one in messages] == ["user", "assistant", "assistant", "user", "assistant"]
    about = gateway.ann.get("/v1/feedback", params={"message_id": first.json()["id"]}).json()["feedback"]
    assert [(one["kind"], one["other_message_id"], one["source"]) for one in about] == [
        ("regenerate", again.headers["x-ratchet-message-id"], "chat")
    ]
    about = gateway.ann.get("/v1/feedback", params={"message_id": again.headers["x-ratchet-message-id"]}).json()
    assert [(one["kind"], one["other_message_id"]) for one in about["feedback"]] == [
        ("regenerate", again.headers["x-ratchet-message-id"]),
        ("edit", edited.json()["id"]),
    ]


def test_store_false_leaves_nothing(gateway: GatewayProcess) -> None:
    answer = gateway.ann.post("/v1/chat/completions", json=saying("Hello", store=False))
    assert answer.is_success
    assert gateway.store.counts() == {"conversations": 0, "messages": 0, "feedback": 0, "adapters": 0}
    assert b'ratchet_unstored_exchanges_total{reason="asked"} 1.0' in gateway.nobody.get("/metrics").content


BAD: list[tuple[dict[str, Any], str | None]] = [
    ({"messages": []}, "messages"),
    ({"messages": "hi"}, "messages"),
    ({"messages": None}, "messages"),
    ({"messages": [{"role": "user", "content": "  "}]}, "messages[0].content"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "assistant", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, None),
    ({"messages": [{"role": "user", "content": "x" * 32_001}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": "x", "audio": 1}]}, "messages[0].audio"),
    ({"n": 2}, "n"),
    ({"temperature": 9}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"tools": [{"type": "function"}]}, "tools"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"lora_path": "/etc"}, "lora_path"),
    ({"chat_template": "{{ x }}"}, "chat_template"),
    ({"conversation_id": "conv_../../x"}, "conversation_id"),
    ({"model": ""}, "model"),
    ({"model": None}, "model"),
]


@pytest.mark.parametrize(("change", "param"), BAD)
def test_what_breaks_a_rule_is_a_clear_400(steady: GatewayProcess, change: dict[str, Any], param: str | None) -> None:
    content = json.dumps(saying("Hello") | change)
    answer = steady.ann.post("/v1/chat/completions", content=content, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["message"]
    if param is not None:
        assert error["param"] == param
    assert steady.store.counts()["messages"] == 0


@pytest.mark.parametrize("content", [b"{", b"", b"null", b"[1]", b"\xff\xfe", b'{"model": NaN}', b"[" * 100_000])
def test_broken_json_is_a_400(steady: GatewayProcess, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = steady.ann.post("/v1/chat/completions", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_text_parts_and_developer_are_understood(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    messages = [{"role": "developer", "content": "Be kind"}, {"role": "user", "content": parts}]
    answer = gateway.ann.post("/v1/chat/completions", json={"model": "main", "messages": messages, "tools": []})
    assert answer.is_success
    assert vllm.bodies[-1]["messages"] == [
        {"role": "system", "content": "Be kind"},
        {"role": "user", "content": "one\ntwo"},
    ]
    assert stored(gateway.ann, answer.headers)[-1]["prompt_version"] != "none"


def test_somebody_elses_or_an_unknown_conversation_is_not_found(gateway: GatewayProcess) -> None:
    mine = gateway.ann.post("/v1/chat/completions", json=saying("Hello")).headers["x-ratchet-conversation-id"]
    for conversation_id in (mine, UNKNOWN):
        answer = gateway.bob.post("/v1/chat/completions", json=saying("Hi", conversation_id=conversation_id))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("stream", [True, False])
def test_an_overflowing_context_is_openais_error(gateway: GatewayProcess, stream: bool) -> None:
    answer = gateway.ann.post("/v1/chat/completions", json=saying("word " * 300, stream=stream))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert gateway.store.counts()["messages"] == 0


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_by_another_adapter_is_refused_and_not_stored(
    gateway: GatewayProcess, vllm: FakeVLLM, stream: bool
) -> None:
    vllm.behave.answer_as = "someone-else"
    answer = gateway.ann.post("/v1/chat/completions", json=saying("Hello", stream=stream))
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_failed")
    assert gateway.store.counts()["messages"] == 0


def test_a_change_of_adapter_within_a_stream_is_an_error_and_not_stored(
    gateway: GatewayProcess, vllm: FakeVLLM
) -> None:
    vllm.behave.answer_as, vllm.behave.answer_as_after = "someone-else", 2
    streamed = gateway.stream(gateway.ann, saying("Hello there"))
    assert not streamed.done
    assert streamed.errors[0]["code"] == "upstream_failed"
    assert gateway.store.counts()["messages"] == 0


@pytest.mark.parametrize(("how", "code"), [("break_after", "not_ready"), ("error_after", "upstream_failed")])
def test_a_stream_that_breaks_off_says_so_and_keeps_what_was_said(
    gateway: GatewayProcess, vllm: FakeVLLM, how: str, code: str
) -> None:
    setattr(vllm.behave, how, 2)
    vllm.behave.delay_s = 0.02
    streamed = gateway.stream(gateway.ann, saying("one two three"))
    assert not streamed.done
    assert [error["code"] for error in streamed.errors] == [code]
    reply = stored(gateway.ann, streamed.headers)[-1]
    assert (reply["content"], reply["finish_reason"]) == (f"{BASE_ID} heard:", "error")
    assert reply["completion_tokens"] is None


@pytest.mark.parametrize("stream", [True, False])
def test_a_failing_vllm_is_a_502(gateway: GatewayProcess, vllm: FakeVLLM, stream: bool) -> None:
    vllm.behave.fail_with = 500
    answer = gateway.ann.post("/v1/chat/completions", json=saying("Hello", stream=stream))
    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "server_error")


def test_who_leaves_stops_the_generation_and_the_part_is_kept(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    vllm.behave.delay_s = 0.05
    vllm.behave.say = lambda *_: " ".join(f"w{n}" for n in range(200))
    with gateway.ann.stream("POST", "/v1/chat/completions", json=saying("Count", stream=True)) as response:
        lines = response.iter_lines()
        for _ in range(12):
            next(lines)
    wait_until(lambda: vllm.aborted == 1)
    wait_until(lambda: gateway.store.counts()["messages"] == 2)
    reply = stored(gateway.ann, response.headers)[-1]
    assert reply["finish_reason"] == "disconnect"
    assert reply["content"].startswith("w0 w1 w2 w3")
    assert len(reply["content"].split()) < 200
    assert vllm.in_flight[BASE_ID] == 0


@pytest.mark.parametrize("stream", [True, False])
def test_who_leaves_before_the_first_token_leaves_nothing(
    gateway: GatewayProcess, vllm: FakeVLLM, stream: bool
) -> None:
    vllm.behave.first_delay_s = 10
    with pytest.raises(httpx.ReadTimeout):
        gateway.ann.post("/v1/chat/completions", json=saying("Hello", stream=stream), timeout=0.2)
    wait_until(lambda: gateway.parts.fleet.seen[0].in_flight[BASE_ID] == 0)
    assert gateway.store.counts()["messages"] == 0
    if stream:
        wait_until(lambda: vllm.aborted == 1)
