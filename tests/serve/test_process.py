"""`python -m serve` as a process: first start, refusals to start, kill -9, a clean stop."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serve.example import BASE_HASH
from tests.serve.fake_vllm import BASE_ID, FakeVLLM
from tests.serve.gateway import saying
from tests.serve.running import wait_until


class Process:
    """`python -m serve` on a free port."""

    def __init__(self, home: Path, vllm_url: str, **settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        own = {
            "RATCHET_HOME": str(home),
            "RATCHET_PORT": str(port),
            "RATCHET_REPLICAS": vllm_url,
            "RATCHET_BASE_ID": BASE_ID,
            "RATCHET_BASE_HASH": BASE_HASH,
            "RATCHET_RECONCILE_EVERY_S": "0.1",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "serve"], env=inherited | own | settings, stderr=subprocess.PIPE, text=True
        )

    def wait_ready(self) -> httpx.Client:
        wait_until(self.ready, 60)
        key = (self.home / "operator.key").read_text().strip()
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {key}"}, timeout=30)

    def ready(self) -> bool:
        assert self.popen.poll() is None, self.popen.communicate()
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False

    def end(self, how: signal.Signals) -> str:
        """What it wrote to stderr."""
        self.popen.send_signal(how)
        return self.popen.communicate(timeout=30)[1]


@pytest.fixture
def start(vllm: FakeVLLM, tmp_path: Path) -> Iterator[Any]:
    started: list[Process] = []

    def start(**settings: str) -> Process:
        started.append(Process(tmp_path / "home", vllm.url, **settings))
        return started[-1]

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.end(signal.SIGKILL)


def test_every_acknowledged_item_survives_kill_9(start: Any) -> None:
    process = start()
    file = process.home / "operator.key"
    with process.wait_ready() as client:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        secret = file.read_text()
        replies = [client.post("/v1/chat/completions", json=saying(f"q{n}")).json()["id"] for n in range(8)]
        acknowledged: list[str] = []
        killed = threading.Event()

        def rate(message_id: str) -> None:
            while not killed.is_set():
                body = {"kind": "comment", "comment": "x", "message_id": message_id}
                try:
                    answer = client.post("/v1/feedback", json=body)
                except httpx.TransportError:
                    return
                if answer.status_code == 201:
                    acknowledged.append(answer.json()["feedback_id"])

        with ThreadPoolExecutor(8) as pool:
            rating = [pool.submit(rate, message_id) for message_id in replies]
            wait_until(lambda: len(acknowledged) > 60)
            process.end(signal.SIGKILL)
            killed.set()
            for one in rating:
                one.result()
    again = start()
    with again.wait_ready() as client:
        assert file.read_text() == secret
        found = set[str]()
        for message_id in replies:
            listed = client.get("/v1/feedback", params={"message_id": message_id}).json()["feedback"]
            found |= {one["feedback_id"] for one in listed}
        assert set(acknowledged) <= found
        assert client.get("/ops/status").json()["counts"]["messages"] == 16


def test_a_clean_stop_finishes_streams_and_a_lost_key_is_replaced(start: Any, vllm: FakeVLLM) -> None:
    process = start()
    vllm.behave.delay_s = 0.05
    vllm.behave.say = lambda *_: " ".join(["word"] * 20)
    with process.wait_ready() as client:
        with client.stream("POST", "/v1/chat/completions", json=saying("Hello", stream=True)) as response:
            lines = response.iter_lines()
            next(lines)
            process.popen.send_signal(signal.SIGTERM)
            assert [line for line in lines if line][-1] == "data: [DONE]"
        process.popen.communicate(timeout=30)
        assert process.popen.returncode in (0, -signal.SIGTERM)
    (process.home / "operator.key").write_text("rk_not_known\n")
    with start().wait_ready() as client:
        assert client.get("/ops/status").json()["counts"]["messages"] == 2
        assert len(client.get("/ops/keys").json()["keys"]) == 2


def test_it_refuses_to_start_where_it_would_do_harm(start: Any, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = {
            "RATCHET_PORT": start(RATCHET_PORT=str(port)),
            "RATCHET_ALLOW_REMOTE=1": start(RATCHET_HOST="0.0.0.0"),
            "RATCHET_BASE_HASH": start(RATCHET_BASE_HASH="not a hash"),
        }
        for remedy, process in refused.items():
            said = process.popen.communicate(timeout=60)[1]
            assert (process.popen.returncode, remedy in said.splitlines()[-1]) == (2, True), said
