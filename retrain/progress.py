"""How far a training is: one JSON line for each logged step, and a bar or a line now and then for whoever watches."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

LINE_EVERY_S = 10.0


class ProgressLog:
    """Appends to `path`; shows on `out` a bar when it is a terminal, else a plain line every ten seconds.

    `work` is stage -> its expected work in any one unit, for the stages that are still to do: the time left is
    theirs together, at the speed seen so far.
    """

    def __init__(
        self, path: Path, work: Mapping[str, float], out: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._work = dict(work)
        self._out = out
        self._clock = clock
        self._done = 0.0
        self._elapsed_s = 0.0
        self._stage_started = clock()
        self._last_line = float("-inf")
        console = Console(file=out)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
        self._bar = Progress(*columns, console=console) if console.is_terminal else None
        self._task = self._bar.add_task("training", total=sum(self._work.values()), note="") if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def say(self, sentence: str) -> None:
        """The sentence is shown and recorded."""
        if self._bar:
            self._bar.console.print(sentence, highlight=False)
        else:
            print(sentence, file=self._out, flush=True)
        self._append({"note": sentence})

    def begin(self, stage: str) -> None:
        self._stage_started = self._clock()
        self.say(f"{stage.upper()} begins")

    def step(self, stage: str, step: int, of: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        """The record of this step, as it was appended. `metrics` may hold `loss`; times are seconds."""
        seconds = self._clock() - self._stage_started
        record = {
            "stage": stage,
            "step": step,
            "of": of,
            "loss": metrics.get("loss"),
            "seconds": round(seconds, 2),
            "eta_s": self._left_s(stage, step / max(of, 1), seconds),
            "metrics": {name: value for name, value in metrics.items() if name != "loss"},
        }
        self._append(record)
        self._show(record)
        return record

    def end(self, stage: str) -> None:
        self._done += self._work[stage]
        self._elapsed_s += self._clock() - self._stage_started

    def _left_s(self, stage: str, share: float, seconds: float) -> float | None:
        done = self._done + self._work[stage] * share
        if not done:
            return None
        return round((sum(self._work.values()) - done) * (self._elapsed_s + seconds) / done, 1)

    def _show(self, record: Mapping[str, Any]) -> None:
        loss = "" if record["loss"] is None else f"  loss {record['loss']:.3f}"
        left = "" if record["eta_s"] is None else f"  {_clock_time(record['eta_s'])} left"
        note = f"{record['stage'].upper()} {record['step']}/{record['of']}{loss}{left}"
        if self._bar and self._task is not None:
            done = self._done + self._work[record["stage"]] * record["step"] / max(record["of"], 1)
            self._bar.update(self._task, completed=done, note=note)
        elif self._clock() - self._last_line >= LINE_EVERY_S or record["step"] == record["of"]:
            self._last_line = self._clock()
            print(note, file=self._out, flush=True)

    def _append(self, record: Mapping[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")


def _clock_time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
