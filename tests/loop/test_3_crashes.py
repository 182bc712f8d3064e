"""What kill -9 does to the platform: nothing that was acknowledged is lost, and everything comes back."""

import json
import signal
import threading
import time

import httpx

from deploy.cycle import Cycles, made
from feedback.errors import RatchetError
from feedback.words import Adapter
from tests.loop.platform import recipe_with, until


def test_killing_vllm_gives_503_until_it_is_back_with_its_adapters(platform, promoted):
    platform.kill("vllm")
    with platform.operator() as operator:
        body = {"model": platform.line, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}

        def asked() -> httpx.Response:
            return operator.http.post("/v1/chat/completions", json=body)

        until(lambda: asked().status_code == 503, 20, "503 while vLLM is down")
        refused = asked()
        assert int(refused.headers["retry-after"]) > 0
        assert "vLLM" in refused.json()["error"]["message"]
        assert operator.http.get("/healthz").status_code == 200
        platform.wait_ready()
        answered = asked()
    assert answered.status_code == 200
    assert answered.headers["x-ratchet-adapter"] == promoted.adapter_id


def test_killing_the_gateway_in_a_burst_of_feedback_loses_nothing_acknowledged(platform, promoted):
    acknowledged: list[str] = []
    with platform.customer("burst") as customer:
        response = customer.chat(
            {"model": platform.line, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
        )
        message_id = response.json()["id"]

        def burst() -> None:
            while True:
                try:
                    given = customer.give({"kind": "comment", "message_id": message_id, "comment": "again"})
                except (RatchetError, httpx.HTTPError, json.JSONDecodeError):
                    return
                acknowledged.append(given.feedback_id)

        threads = [threading.Thread(target=burst) for _ in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: len(acknowledged) > 300, 30, "a burst")
        platform.kill("gateway")
        for thread in threads:
            thread.join()
        platform.wait_ready()
        found = customer.call("GET", "/v1/feedback", params={"message_id": message_id}).json()["feedback"]
    stored = {one["feedback_id"] for one in found}
    assert set(acknowledged) <= stored


def test_killing_a_cycle_in_training_and_resuming_it_repeats_no_stage(platform, recipe, promoted):
    cycles = Cycles(platform.settings.home)
    known = {state.start.cycle_id for state in cycles.list()}
    process = platform.start_ratchet("cycle", "run", "--recipe", str(recipe_with(recipe, seed=8)))
    until(lambda: {s.start.cycle_id for s in cycles.list()} > known, 30, "a new cycle")
    state = cycles.newest()
    run_dir = platform.settings.home / "runs" / state.start.run_id
    until(lambda: (run_dir / "stages" / "1-sft" / "stage.json").exists(), 240, "the first stage's end")
    process.send_signal(signal.SIGKILL)
    process.wait()
    state = cycles.state(state.start.cycle_id)
    assert state.next_stage == "run"
    assert not (run_dir / "run.json").exists()
    written = {path: path.stat().st_mtime_ns for path in (run_dir / "stages" / "1-sft").rglob("*") if path.is_file()}
    time.sleep(2)  # the killed cycle's training ends with it
    platform.ratchet("cycle", "run", "--resume")
    resumed = cycles.state(state.start.cycle_id)
    assert resumed.next_stage is None
    assert resumed.done["snapshot"] == state.done["snapshot"]
    assert resumed.done["dataset"] == state.done["dataset"]
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_a_cycle_that_learnt_nothing_new_says_so(platform, recipe, turned):
    again = platform.ratchet("cycle", "run", "--recipe", str(recipe), check=False)
    assert again.returncode == 2
    assert made(turned, "candidate", Adapter).adapter_id in again.stderr.replace("\n", " ")


def test_down_and_up_keeps_the_live_adapter_and_the_conversations(platform, promoted):
    with platform.operator() as operator:
        live, counts = operator.live(platform.line), operator.status()["counts"]
    platform.ratchet("down")
    assert "ratchet up" in platform.ratchet("status", check=False).stderr
    platform.ratchet("up", "--wait")
    with platform.operator() as operator:
        assert operator.live(platform.line) == live
        assert operator.status()["counts"] == counts
        reply = operator.chat(
            {"model": platform.line, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
        )
    assert reply.headers["x-ratchet-adapter"] == live
