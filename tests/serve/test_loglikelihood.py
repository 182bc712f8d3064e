"""The completion's share of the prompt's log-probabilities."""

from typing import Any

import pytest

from feedback.errors import Invalid, RatchetError, UpstreamFailed
from serve.loglikelihood import added_up
from tests.serve.fake_vllm import BASE_ID, likely, tokens
from tests.serve.gateway import GatewayProcess


def entries(*ids: int) -> list[Any]:
    return [None, *({str(one): {"logprob": -float(one)}} for one in ids[1:])]


def test_only_what_follows_the_prompt_counts() -> None:
    assert added_up(entries(1, 2, 3, 4, 5), [1, 2, 3]) == (-9.0, 2)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (None, UpstreamFailed),
        ([None, None], UpstreamFailed),
        ([None, {"2": {"logprob": 1}, "3": {"logprob": 1}}], UpstreamFailed),
        ([None, {"2": {}}, {"3": {}}, {"4": {}}], UpstreamFailed),
        ([None, {"two": {"logprob": 1}}], UpstreamFailed),
        (entries(1, 9, 3, 4), Invalid),
        (entries(1, 2, 3), Invalid),
    ],
)
def test_other_forms_and_templates_are_refused(given: Any, error: type[RatchetError]) -> None:
    with pytest.raises(error):
        added_up(given, [1, 2, 3])


def test_through_the_gateway(steady: GatewayProcess) -> None:
    prompt = [{"role": "user", "content": "my brake squeaks"}]
    body = {"adapter_id": BASE_ID, "prompt": prompt, "completion": "clean the rim"}
    answer = steady.operator.post("/ops/loglikelihood", json=body)
    assert answer.status_code == 200, answer.text
    said = tokens([{"role": "assistant", "content": "clean the rim"}], add_generation_prompt=False)[1:]
    assert answer.json() == {"logprob": pytest.approx(sum(likely(BASE_ID, one) for one in said)), "tokens": 4}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"adapter_id": "unknown"}, 404),
        ({"completion": ""}, 422),
        ({"completion": "word " * 300}, 400),
        ({"prompt": []}, 422),
        ({"prompt": [{"role": "robot", "content": "x"}]}, 422),
    ],
)
def test_what_cannot_be_scored_is_refused(steady: GatewayProcess, change: dict[str, Any], status: int) -> None:
    body = {"adapter_id": BASE_ID, "prompt": [{"role": "user", "content": "x"}], "completion": "y"}
    assert steady.operator.post("/ops/loglikelihood", json=body | change).status_code == status
