"""Adapters taken in, promoted, rejected and rolled back, while people chat."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from feedback.manifest import read_json
from feedback.words import AccessRole, RunManifest
from tests.serve.example import run_id, write_run
from tests.serve.fake_vllm import BASE_ID, FakeVLLM
from tests.serve.gateway import GatewayProcess, Streamed, saying
from tests.serve.running import wait_until

NUMBERS = itertools.count(1000)


def states(gateway: GatewayProcess) -> dict[str, str]:
    found = gateway.operator.get("/ops/adapters", params={"line": "main"}).json()["adapters"]
    return {one["adapter_id"]: one["state"] for one in found}


def answered_by(gateway: GatewayProcess, model: str = "main") -> str:
    answer = gateway.operator.post("/v1/chat/completions", json=saying("Hello", model=model))
    assert answer.is_success, answer.text
    assert answer.json()["model"] == model
    return str(answer.headers["x-ratchet-adapter"])


def test_a_runs_adapter_is_taken_in_once(gateway: GatewayProcess) -> None:
    name = gateway.take_in(1)
    assert name.startswith(f"{BASE_ID}--main-v0001-")
    files = sorted(path.name for path in (gateway.settings.home / "adapters" / name).iterdir())
    assert files == ["adapter_config.json", "adapter_model.safetensors"]
    again = gateway.operator.post("/ops/adapters", json={"run_id": run_id(1), "line": "main"})
    assert (again.status_code, again.json()["adapter_id"]) == (200, name)
    assert gateway.take_in(2).startswith(f"{BASE_ID}--main-v0002-")
    assert answered_by(gateway, name) == name


def test_a_directory_left_by_a_crash_is_used(gateway: GatewayProcess) -> None:
    run = write_run(gateway.settings.home, 1)
    manifest = read_json(gateway.settings.home / "runs" / run / "run.json", RunManifest)
    name = f"{BASE_ID}--main-v0001-{manifest.adapter_hash[:8]}"
    source, left = gateway.settings.home / "runs" / run / "adapter", gateway.settings.home / "adapters" / name
    left.parent.mkdir(parents=True)
    source.rename(left)
    taken = gateway.operator.post("/ops/adapters", json={"run_id": run, "line": "main"})
    assert (taken.status_code, taken.json()["adapter_id"]) == (201, name)


def spoil_tensors(run_dir: Path) -> None:
    file = run_dir / "adapter" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])


def change_tensors(run_dir: Path) -> None:
    file = run_dir / "adapter" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x3e")


@pytest.mark.parametrize(
    ("spoil", "manifest", "status", "code"),
    [
        (spoil_tensors, {}, 422, "corrupt"),
        (change_tensors, {}, 422, "corrupt"),
        (lambda run_dir: (run_dir / "adapter" / "adapter_config.json").unlink(), {}, 404, "not_found"),
        (lambda run_dir: (run_dir / "run.json").unlink(), {}, 404, "not_found"),
        (lambda run_dir: (run_dir / "run.json").write_text("{"), {}, 422, "corrupt"),
        (lambda _: None, {"base_hash": "c" * 64}, 422, "invalid"),
        (lambda _: None, {"line": "shop"}, 422, "invalid"),
        (lambda _: None, {"run_id": run_id(9)}, 422, "corrupt"),
        (lambda _: None, {"rank": 32}, 422, "invalid"),
        (lambda _: None, {"adapter_hash": "f" * 64}, 422, "corrupt"),
    ],
)
def test_what_cannot_be_served_is_not_taken_in(
    steady: GatewayProcess, spoil: Any, manifest: dict[str, Any], status: int, code: str
) -> None:
    run = write_run(steady.settings.home, next(NUMBERS), **manifest)
    spoil(steady.settings.home / "runs" / run)
    refused = steady.operator.post("/ops/adapters", json={"run_id": run, "line": "main"})
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert steady.operator.get("/ops/adapters").json() == {"adapters": []}
    adapters_dir = steady.settings.home / "adapters"
    assert not adapters_dir.exists() or not list(adapters_dir.iterdir())


@pytest.mark.parametrize("run", ["run_x", "../../etc", "run_" + "0" * 27, "run_" + "0" * 28 + "/..", 7])
def test_only_run_ids_are_looked_up(steady: GatewayProcess, run: Any) -> None:
    assert steady.operator.post("/ops/adapters", json={"run_id": run, "line": "main"}).status_code == 422


def test_one_that_vllm_refuses_is_a_502_and_can_be_tried_again(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    run = write_run(gateway.settings.home, 1)
    vllm.behave.fail_with = 500
    refused = gateway.operator.post("/ops/adapters", json={"run_id": run, "line": "main"})
    assert (refused.status_code, refused.json()["code"]) == (502, "upstream_failed")
    vllm.behave.fail_with = None
    again = gateway.operator.post("/ops/adapters", json={"run_id": run, "line": "main"})
    assert again.status_code == 200
    gateway.promote(again.json()["adapter_id"])


def test_promote_reject_and_roll_back(gateway: GatewayProcess) -> None:
    assert (gateway.live(), answered_by(gateway)) == (BASE_ID, BASE_ID)
    first, second, third = (gateway.take_in(n) for n in (1, 2, 3))
    gateway.promote(first)
    assert answered_by(gateway) == first
    gateway.promote(second)
    assert gateway.decide("reject", third).status_code == 201
    assert states(gateway) == {first: "retired", second: "live", third: "rejected"}
    assert gateway.decide("rollback", first).status_code == 201
    assert answered_by(gateway) == first
    assert gateway.decide("rollback", BASE_ID).status_code == 201
    assert answered_by(gateway) == BASE_ID
    decided = gateway.operator.get("/ops/promotions", params={"line": "main"}).json()["promotions"]
    assert [(one["action"], one["adapter_id"]) for one in decided] == [
        ("rollback", BASE_ID),
        ("rollback", first),
        ("reject", third),
        ("promote", second),
        ("promote", first),
    ]
    assert {one["decided_by"] for one in decided} == {"operator"}


def test_a_decision_on_an_old_view_is_a_conflict(gateway: GatewayProcess) -> None:
    first, second = gateway.take_in(1), gateway.take_in(2)
    gateway.promote(first)
    refused = gateway.decide("promote", second, incumbent=BASE_ID)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert first in refused.json()["detail"]
    assert gateway.decide("promote", first).status_code == 409
    assert gateway.live() == first


def test_two_promotions_at_once_leave_one_head(gateway: GatewayProcess) -> None:
    names = [gateway.take_in(1), gateway.take_in(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda name: gateway.decide("promote", name, BASE_ID), names))
    assert sorted(one.status_code for one in answers) == [201, 409]
    assert list(states(gateway).values()).count("live") == 1


def test_what_cannot_be_made_ready_is_not_promoted(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    first = gateway.take_in(1)
    vllm.kill()
    gateway.wait_down()
    assert gateway.decide("promote", first).status_code == 503
    assert gateway.live() == BASE_ID
    vllm.behave.refuse = {first}
    vllm.restart()
    gateway.wait_ready()
    assert gateway.decide("promote", first).status_code == 502
    assert gateway.live() == BASE_ID


def test_the_head_survives_a_restart_of_the_gateway(tmp_path: Path, vllm: FakeVLLM) -> None:
    home = tmp_path / "home"
    gateway = GatewayProcess(home, [vllm.url])
    gateway.wait_ready()
    first = gateway.take_in(1)
    gateway.promote(first)
    gateway.stop()
    gateway = GatewayProcess(home, [vllm.url])
    try:
        gateway.wait_ready()
        assert answered_by(gateway) == first
    finally:
        gateway.stop()


def test_rollback_to_an_adapter_that_is_no_longer_loaded(tmp_path: Path, vllm: FakeVLLM) -> None:
    gateway = GatewayProcess(tmp_path / "home", [vllm.url], loaded_adapters=2)
    try:
        gateway.wait_ready()
        names = []
        for number in (1, 2, 3):
            names.append(gateway.take_in(number))
            gateway.promote(names[-1])
        wait_until(lambda: set(vllm.loaded) == set(names[1:]))
        gone = gateway.operator.post("/v1/chat/completions", json=saying("Hello", model=names[0]))
        assert (gone.status_code, gone.json()["error"]["code"]) == (409, "conflict")
        assert gateway.decide("rollback", names[0]).status_code == 201
        assert answered_by(gateway) == names[0]
        assert vllm.unloaded_in_flight == []
    finally:
        gateway.stop()


def test_promotions_under_streams_fail_no_request(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    """Eight people stream without a pause while the head moves six times, with little room on the replica."""
    vllm.behave.delay_s = 0.005
    stop, results = threading.Event(), list[Streamed]()
    users = [gateway.client(f"user{n}") for n in range(8)]

    def chat(user: int) -> None:
        while not stop.is_set():
            results.append(gateway.stream(users[user], saying("a b c d e f g h")))

    with ThreadPoolExecutor(8) as pool:
        chatting = [pool.submit(chat, user) for user in range(8)]
        wait_until(lambda: len(results) > 8)
        names = [gateway.take_in(number) for number in (1, 2, 3)]
        for name in (*names, names[0], names[2]):
            assert gateway.decide("rollback" if states(gateway)[name] == "retired" else "promote", name).is_success
        assert gateway.decide("rollback", BASE_ID).is_success
        before = len(results)
        wait_until(lambda: len(results) > before + 16)
        stop.set()
        for one in chatting:
            one.result()
    for user in users:
        user.close()
    assert [result.errors for result in results if not result.done] == []
    assert {result.headers["x-ratchet-adapter"] for result in results} >= {BASE_ID, *names[:2]}
    for result in results:
        assert result.text == f"{result.headers['x-ratchet-adapter']} heard: a b c d e f g h"
    assert vllm.unloaded_in_flight == []
    assert gateway.store.counts()["messages"] == 2 * len(results)


def test_users_see_aliases_and_operators_adapters_too(gateway: GatewayProcess) -> None:
    name = gateway.take_in(1)
    seen = {}
    for role in AccessRole:
        with gateway.client(f"a-{role}", role) as client:
            seen[role] = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert seen == {"user": ["main"], "annotator": ["main"], "operator": ["main", BASE_ID, name]}
    refused = gateway.ann.post("/v1/chat/completions", json=saying("Hello", model=name))
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")
