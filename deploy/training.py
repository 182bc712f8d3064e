"""Training as a child process: its memory and its crashes stay its own."""

import subprocess
import sys
from pathlib import Path
from typing import Protocol

from feedback.errors import RatchetError
from feedback.manifest import read_json
from feedback.words import BaseModelRef, RunManifest


class Start(Protocol):
    """What a training takes from the cycle that wants it."""

    @property
    def line(self) -> str: ...
    @property
    def recipe(self) -> str: ...
    @property
    def run_id(self) -> str: ...


def command(dataset_dir: Path, base: BaseModelRef, start: Start, runs_dir: Path) -> list[str]:
    """`--resume` is always given: a run that doesn't exist yet has nothing to resume from."""
    options = {
        "--dataset": dataset_dir,
        "--base": base.path,
        "--base-id": base.base_id,
        "--base-hash": base.base_hash,
        "--recipe": start.recipe,
        "--runs": runs_dir,
        "--run-id": start.run_id,
        "--line": start.line,
    }
    return [sys.executable, "-m", "retrain", *(str(part) for pair in options.items() for part in pair), "--resume"]


def run_training(dataset_dir: Path, base: BaseModelRef, start: Start, runs_dir: Path) -> RunManifest:
    """The finished run. Progress goes to our standard error; it ends when we end, however we end."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    tethered = [sys.executable, "-m", "deploy.tether", *command(dataset_dir, base, start, runs_dir)]
    finished = subprocess.run(tethered, stdout=subprocess.DEVNULL, check=False)
    if finished.returncode:
        raise RatchetError(
            f"training {start.run_id} ended with exit code {finished.returncode}; what it said stands above, what is "
            f"complete stays in {runs_dir / start.run_id}; go on with `ratchet cycle run --resume`"
        )
    return read_json(runs_dir / start.run_id / "run.json", RunManifest)
