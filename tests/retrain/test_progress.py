import io
import json
from pathlib import Path

import pytest

from retrain.progress import ProgressLog


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_time_left_is_that_of_all_stages_at_the_speed_so_far(tmp_path: Path, clock: Clock):
    with ProgressLog(tmp_path / "p.jsonl", {"sft": 100, "dpo": 300}, io.StringIO(), clock) as log:
        log.begin("sft")
        clock.now += 10
        assert log.step("sft", 1, 2, {"loss": 2.0})["eta_s"] == 70
        clock.now += 10
        log.step("sft", 2, 2, {"loss": 1.0})
        log.end("sft")
        log.begin("dpo")
        clock.now += 20
        found = log.step("dpo", 1, 3, {"loss": 0.5, "rewards/margins": 0.1})
    assert found == {
        "stage": "dpo",
        "step": 1,
        "of": 3,
        "loss": 0.5,
        "seconds": 20.0,
        "eta_s": 40.0,
        "metrics": {"rewards/margins": 0.1},
    }
    assert records(tmp_path / "p.jsonl")[-1] == found


def test_before_the_first_step_nobody_knows(tmp_path: Path, clock: Clock):
    log = ProgressLog(tmp_path / "p.jsonl", {"sft": 1}, io.StringIO(), clock)
    record = log.step("sft", 0, 4, {"eval_loss": 3.0})
    assert record["eta_s"] is None
    assert record["loss"] is None


def test_without_a_terminal_a_line_every_ten_seconds_and_at_the_end(tmp_path: Path, clock: Clock):
    out = io.StringIO()
    with ProgressLog(tmp_path / "p.jsonl", {"sft": 1}, out, clock) as log:
        for step in range(1, 9):
            clock.now += 4
            log.step("sft", step, 8, {"loss": 1.5})
    shown = [line.split()[1] for line in out.getvalue().splitlines()]
    assert shown == ["1/8", "4/8", "7/8", "8/8"]
    assert out.getvalue().splitlines()[0] == "SFT 1/8  loss 1.500  0:28 left"
    assert len(records(tmp_path / "p.jsonl")) == 8


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_bar(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with ProgressLog(tmp_path / "p.jsonl", {"sft": 1}, out, clock) as log:
        log.begin("sft")
        log.step("sft", 8, 8, {"loss": 1.5})
    assert "SFT begins" in out.getvalue()
    assert "8/8" in out.getvalue()
