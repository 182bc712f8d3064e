"""Replicas are brought into step with what the lines want, whatever happens to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.fake_vllm import BASE_ID, FakeVLLM
from tests.serve.gateway import GatewayProcess, saying
from tests.serve.running import wait_until


def ready(gateway: GatewayProcess, replica: int = 0) -> set[str]:
    return set(gateway.operator.get("/ops/status").json()["replicas"][replica]["ready"])


def test_not_ready_until_vllm_answers_and_then_says_since_when(tmp_path: Path) -> None:
    vllm = FakeVLLM()
    vllm.kill()
    gateway = GatewayProcess(tmp_path / "home", [vllm.url])
    try:
        assert gateway.nobody.get("/healthz").json() == {"status": "alive"}
        for path in ("/readyz", "/v1/chat/completions"):
            method = "GET" if path == "/readyz" else "POST"
            answer = gateway.ann.request(method, path, json=saying("Hello"))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["error"]["code"] == "not_ready"
        assert vllm.url in answer.json()["error"]["message"]
        (wait,) = gateway.nobody.get("/readyz").json()["waiting_for"]
        assert wait["what"] == "vLLM"
        wait_until(lambda: gateway.nobody.get("/readyz").json()["waiting_for"][0]["for_s"] > 0.1)
        assert gateway.ann.get("/v1/models").is_success
        vllm.restart()
        gateway.wait_ready()
        assert gateway.ann.post("/v1/chat/completions", json=saying("Hello")).is_success
    finally:
        gateway.stop()
        vllm.kill()


def test_a_restarted_vllm_gets_its_adapters_back(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    live, candidate = gateway.take_in(1), gateway.take_in(2)
    gateway.promote(live)
    vllm.kill()
    answer = gateway.ann.post("/v1/chat/completions", json=saying("Hello"))
    assert answer.status_code == 503
    gateway.wait_down()
    vllm.restart()
    gateway.wait_ready()
    wait_until(lambda: ready(gateway) == {BASE_ID, live, candidate})
    answer = gateway.ann.post("/v1/chat/completions", json=saying("Hello"))
    assert answer.headers["x-ratchet-adapter"] == live


def test_an_adapter_that_vanished_is_a_503_and_comes_back(tmp_path: Path, vllm: FakeVLLM) -> None:
    gateway = GatewayProcess(tmp_path / "home", [vllm.url], reconcile_every_s=600)
    try:
        gateway.wait_ready()
        live = gateway.take_in(1)
        gateway.promote(live)
        for _ in range(50):  # the look that the promotion caused may still be going on, and loads it again
            vllm.loaded.clear()  # as if vLLM had restarted between two looks
            answer = gateway.ann.post("/v1/chat/completions", json=saying("Hello"))
            if answer.status_code != 200:
                break
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        gateway.wait_ready()
        assert gateway.ann.post("/v1/chat/completions", json=saying("Hello")).is_success
    finally:
        gateway.stop()


def test_adapters_are_warm_before_they_count(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    adapter_id = gateway.take_in(1)
    first = next(body for body in vllm.bodies if body["model"] == adapter_id)
    assert (first["max_tokens"], vllm.loaded[adapter_id]) == (1, str(gateway.settings.home / "adapters" / adapter_id))


def test_what_vllm_refuses_is_reported_and_stops_nothing(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    good = gateway.take_in(1)
    gateway.promote(good)
    vllm.kill()
    vllm.restart()
    vllm.behave.refuse = {good}
    wait_until(lambda: good in gateway.operator.get("/ops/status").json()["replicas"][0]["problems"])
    status = gateway.operator.get("/ops/status").json()
    assert f"Loading lora {good} failed" in status["replicas"][0]["problems"][good]
    assert [wait["what"] for wait in status["waiting_for"]] == [good]
    other = gateway.take_in(2)
    assert other in ready(gateway)


def test_an_adapter_loaded_from_elsewhere_is_not_trusted(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    live = gateway.take_in(1)
    gateway.promote(live)
    vllm.kill()
    vllm.loaded[live] = "/somewhere/else"
    vllm.restart()
    wait_until(lambda: live in gateway.operator.get("/ops/status").json()["replicas"][0]["problems"])
    assert "/somewhere/else" in gateway.operator.get("/ops/status").json()["replicas"][0]["problems"][live]
    assert gateway.ann.post("/v1/chat/completions", json=saying("Hello")).status_code == 503


def test_what_nobody_wants_is_unloaded(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    vllm.loaded["left-behind"] = "/x"
    wait_until(lambda: "left-behind" not in vllm.loaded)


def test_a_vllm_with_another_base_is_not_used(tmp_path: Path, vllm: FakeVLLM) -> None:
    gateway = GatewayProcess(tmp_path / "home", [vllm.url], base_id="another")
    try:
        wait_until(lambda: "--served-model-name another" in gateway.nobody.get("/readyz").text)
    finally:
        gateway.stop()


@pytest.fixture
def second() -> Iterator[FakeVLLM]:
    fake = FakeVLLM()
    yield fake
    fake.server.kill()


def test_every_replica_is_kept_in_step(tmp_path: Path, vllm: FakeVLLM, second: FakeVLLM) -> None:
    gateway = GatewayProcess(tmp_path / "home", [vllm.url, second.url])
    try:
        gateway.wait_ready()
        adapter_id = gateway.take_in(1)
        assert adapter_id in vllm.loaded
        assert adapter_id in second.loaded
        gateway.promote(adapter_id)
        second.kill()
        wait_until(lambda: not gateway.operator.get("/ops/status").json()["replicas"][1]["up"])
        assert gateway.ann.post("/v1/chat/completions", json=saying("Hello")).is_success
    finally:
        gateway.stop()
