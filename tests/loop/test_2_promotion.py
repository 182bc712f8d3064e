"""Promotion and rollback under load: no request fails, and the next conversation is the new adapter's."""

import threading
import time

import httpx
import pytest

from feedback.errors import Conflict
from tests.loop.platform import recipe_with

STREAMS = 8


class Load:
    """Streams that go on until told to stop: every reply's adapter with the time of its first token, every failure."""

    def __init__(self, platform, key: str) -> None:
        self.url = f"{platform.settings.gateway_url}/v1/chat/completions"
        self.headers = {"Authorization": f"Bearer {key}"}
        self.body = {
            "model": platform.line,
            "messages": [{"role": "user", "content": "How do I fix a flat tyre?"}],
            "max_tokens": 40,
            "stream": True,
        }
        self.stop = threading.Event()
        self.answered: list[tuple[float, str]] = []
        self.failed: list[str] = []
        self.threads = [threading.Thread(target=self.stream) for _ in range(STREAMS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def stream(self) -> None:
        with httpx.Client(timeout=60, headers=self.headers) as client:
            while not self.stop.is_set():
                with client.stream("POST", self.url, json=self.body) as response:
                    rows = response.iter_lines()
                    first = next(rows, "")
                    at = time.monotonic()
                    text = first + "".join(rows)
                if response.status_code == 200 and text.endswith("data: [DONE]") and '"error"' not in text:
                    self.answered.append((at, response.headers["x-ratchet-adapter"]))
                else:
                    self.failed.append(f"{response.status_code} {text[:300]}")


def first_answer(load: Load, adapter_id: str, since: float) -> float:
    """Seconds from `since` to the first token that this adapter gave."""
    return min(at for at, by in load.answered if by == adapter_id and at >= since) - since


def test_promotion_and_rollback_under_load(platform, promoted, dataset_dir, recipe, capsys):
    newcomer = platform.candidate(dataset_dir, recipe_with(recipe, seed=7))
    with platform.operator() as operator, Load(platform, operator.new_key("load", "user", "test")) as load:
        time.sleep(3)
        decided = decide(operator, platform.line, "promote", newcomer.adapter_id, promoted.adapter_id)
        time.sleep(5)
        returned = decide(operator, platform.line, "rollback", promoted.adapter_id, newcomer.adapter_id)
        time.sleep(5)
    assert load.failed == []
    assert {by for at, by in load.answered if at < decided} == {promoted.adapter_id}
    seconds = {
        "promotion": first_answer(load, newcomer.adapter_id, decided),
        "rollback": first_answer(load, promoted.adapter_id, returned),
    }
    with capsys.disabled():
        print(f"\n{len(load.answered)} replies on {STREAMS} streams, none failed; decision to first token:", seconds)
    assert platform_live(platform) == promoted.adapter_id


def decide(operator, line: str, action: str, adapter_id: str, incumbent_id: str) -> float:
    """When it was decided."""
    at = time.monotonic()
    operator.promote(
        {
            "line": line,
            "action": action,
            "adapter_id": adapter_id,
            "expected_incumbent_id": incumbent_id,
            "reason": "for the tests",
        }
    )
    return at


def platform_live(platform) -> str:
    with platform.operator() as operator:
        return operator.live(platform.line)


def test_rollback_is_one_command_and_comes_back(platform, promoted):
    before = platform_live(platform)
    platform.ratchet("rollback", "--reason", "a rehearsal")
    after = platform_live(platform)
    assert after != before
    platform.ratchet("rollback", "--to", before, "--reason", "and back")
    assert platform_live(platform) == before


def test_a_decision_on_an_old_view_is_refused(platform, promoted):
    with platform.operator() as operator, pytest.raises(Conflict, match=promoted.adapter_id):
        decide(operator, platform.line, "rollback", "tiny", "somebody-else")
