"""What the gateway relies on vLLM for, as checks that hold for the real one and the fake alike.

Each takes the server's address and its base model's name; those about adapters also take a directory with a LoRA that
fits the base. They leave no adapter loaded.
"""

import json
from pathlib import Path
from typing import Any

import httpx

NAME = "contract--main-v0001-00000000"
PROMPT = [{"role": "user", "content": "Say one short word"}]
TIMEOUT_S = 120


def check_models(url: str, base_id: str) -> None:
    """The base is listed under its name."""
    assert base_id in listed(url)


def check_whole_reply(url: str, base_id: str) -> None:
    """A reply names the model asked for, takes our request id and counts its tokens."""
    body = {"model": base_id, "messages": PROMPT, "max_tokens": 4, "request_id": "msg_1", "temperature": 0}
    answer = post(url, "/v1/chat/completions", body).json()
    assert (answer["model"], answer["id"]) == (base_id, "chatcmpl-msg_1")
    assert isinstance(answer["choices"][0]["message"]["content"], str)
    assert answer["choices"][0]["finish_reason"] in ("stop", "length")
    assert answer["usage"]["prompt_tokens"] > 0
    assert 0 < answer["usage"]["completion_tokens"] <= 4


def check_stream(url: str, base_id: str) -> None:
    """Compact chunks with our id and the model's name, one of them with usage only, then the end mark."""
    body = {"model": base_id, "messages": PROMPT, "max_tokens": 4, "request_id": "msg_1", "stream": True}
    raw = post(url, "/v1/chat/completions", body | {"stream_options": {"include_usage": True}}).content
    assert raw.endswith(b"\n\ndata: [DONE]\n\n")
    events = raw.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-1]
    assert all(event.startswith(b"data: ") for event in events)
    assert all(b'"id":"chatcmpl-msg_1"' in event for event in events)
    assert all(f'"model":"{base_id}"'.encode() in event for event in events)
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events]
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [b'"choices":[]' in event for event in events] == [False] * (len(events) - 1) + [True]
    assert chunks[-1]["usage"]["completion_tokens"] > 0
    assert chunks[-2]["choices"][0]["finish_reason"] in ("stop", "length")
    assert all("usage" not in chunk for chunk in chunks[:-1])


def check_refusals(url: str, base_id: str) -> None:
    """An unknown model is a 404, an overflowing context a 400 that says so, in OpenAI's error object."""
    unknown = httpx.post(f"{url}/v1/chat/completions", json={"model": "unknown", "messages": PROMPT})
    assert (unknown.status_code, "unknown" in unknown.json()["error"]["message"]) == (404, True)
    long: list[dict[str, Any]] = [{"role": "user", "content": "word " * 20_000}]
    overflow = httpx.post(f"{url}/v1/chat/completions", json={"model": base_id, "messages": long}, timeout=TIMEOUT_S)
    assert overflow.status_code == 400
    assert "maximum context length" in overflow.json()["error"]["message"]


def check_prompt_logprobs(url: str, base_id: str) -> None:
    """An answered prompt begins with the tokens of the prompt alone; each token has one log-probability."""
    start = post(url, "/tokenize", {"model": base_id, "messages": PROMPT, "add_generation_prompt": True}).json()
    turns = [*PROMPT, {"role": "assistant", "content": "Yes"}]
    body = {"model": base_id, "messages": turns, "add_generation_prompt": False, "max_tokens": 1, "prompt_logprobs": 0}
    entries = post(url, "/v1/chat/completions", body).json()["prompt_logprobs"]
    assert entries[0] is None
    assert all(len(entry) == 1 for entry in entries[1:])
    ids = [int(next(iter(entry))) for entry in entries[1:]]
    assert ids[: len(start["tokens"]) - 1] == start["tokens"][1:]
    assert len(ids) > len(start["tokens"])
    assert all(next(iter(entry.values()))["logprob"] <= 0 for entry in entries[1:])


def check_adapters(url: str, base_id: str, adapter_dir: Path) -> None:
    """An adapter is loaded once under a name, listed with its path, answers under it, and can be unloaded."""
    load = {"lora_name": NAME, "lora_path": str(adapter_dir)}
    post(url, "/v1/load_lora_adapter", load)
    try:
        assert listed(url)[NAME] == str(adapter_dir)
        again = httpx.post(f"{url}/v1/load_lora_adapter", json=load, timeout=TIMEOUT_S)
        assert again.status_code == 400
        body = {"model": NAME, "messages": PROMPT, "max_tokens": 1}
        assert post(url, "/v1/chat/completions", body).json()["model"] == NAME
        post(url, "/tokenize", {"model": NAME, "messages": PROMPT, "add_generation_prompt": True})
    finally:
        post(url, "/v1/unload_lora_adapter", {"lora_name": NAME})
    assert NAME not in listed(url)
    gone = httpx.post(f"{url}/v1/unload_lora_adapter", json={"lora_name": NAME}, timeout=TIMEOUT_S)
    assert gone.status_code == 404
    assert httpx.post(f"{url}/v1/chat/completions", json=body).status_code == 404


def check_refused_adapter(url: str, base_id: str, bad_dir: Path) -> None:
    """A directory that holds no adapter is refused with an error object, and nothing is listed."""
    body = {"lora_name": NAME, "lora_path": str(bad_dir)}
    refused = httpx.post(f"{url}/v1/load_lora_adapter", json=body, timeout=TIMEOUT_S)
    assert refused.status_code in (400, 404, 500)
    assert refused.json()["error"]["message"]
    assert NAME not in listed(url)


def check_all(url: str, base_id: str, adapter_dir: Path, bad_dir: Path) -> None:
    """Every check of this module."""
    for check in (check_models, check_whole_reply, check_stream, check_refusals, check_prompt_logprobs):
        check(url, base_id)
    check_adapters(url, base_id, adapter_dir)
    check_refused_adapter(url, base_id, bad_dir)


def listed(url: str) -> dict[str, str]:
    cards = httpx.get(f"{url}/v1/models", timeout=TIMEOUT_S).json()["data"]
    return {card["id"]: card["root"] for card in cards}


def post(url: str, path: str, body: dict[str, Any]) -> httpx.Response:
    response = httpx.post(f"{url}{path}", json=body, timeout=TIMEOUT_S)
    assert response.status_code == 200, response.text
    return response
