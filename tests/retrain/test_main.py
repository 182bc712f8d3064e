"""The process: what it prints, how it refuses, and that it goes on after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from feedback.words import RunManifest
from retrain.recipe import Recipe
from retrain.run import TrainingJob
from tests.retrain.test_run import Finished

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 180


def command(job: TrainingJob, recipe_file: Path, runs_dir: Path, *more: str) -> list[str]:
    options = {
        "--dataset": job.dataset_dir,
        "--base": job.base.path,
        "--base-id": job.base.base_id,
        "--base-hash": job.base.base_hash,
        "--recipe": recipe_file,
        "--runs": runs_dir,
        "--run-id": "run_killed",
    }
    return [sys.executable, "-m", "retrain", *(str(part) for option in options.items() for part in option), *more]


def wait_for(path: Path, words: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if path.exists() and words in path.read_text():
            return
        assert process.poll() is None, "training ended before it could be killed"
        time.sleep(0.01)
    raise AssertionError(f"{path} never said {words}")


@pytest.fixture
def recipe_file(recipe: Recipe, tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.toml())
    return path


def test_killed_in_the_middle_of_dpo_it_goes_on_there_and_ends_the_same(
    job: TrainingJob, finished: Finished, recipe_file: Path, tmp_path: Path
):
    runs_dir = tmp_path / "runs"
    run_dir = runs_dir / "run_killed"
    process = subprocess.Popen(command(job, recipe_file, runs_dir), cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_for(run_dir / "progress.jsonl", '"stage": "dpo", "step": 2', process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (run_dir / "run.json").exists()
    sft_made_at = (run_dir / "stages" / "1-sft" / "stage.json").stat().st_mtime_ns
    assert not (run_dir / "stages" / "2-dpo").exists()

    resumed = subprocess.run(
        command(job, recipe_file, runs_dir, "--resume"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    manifest = RunManifest.model_validate_json(resumed.stdout.splitlines()[-1])
    assert len(resumed.stdout.splitlines()) == 1
    assert "SFT begins" not in resumed.stderr
    assert (run_dir / "stages" / "1-sft" / "stage.json").stat().st_mtime_ns == sft_made_at
    assert sorted(path.name for path in (run_dir / "stages").iterdir()) == ["1-sft", "2-dpo"]
    uninterrupted, _ = finished
    assert manifest.adapter_hash == uninterrupted.adapter_hash
    assert json.loads((run_dir / "run.json").read_text()) == json.loads(resumed.stdout)


def refused(*arguments: str) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "retrain", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    return found.stderr


def test_a_wrong_recipe_is_a_sentence_and_exit_code_2(job: TrainingJob, tmp_path: Path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('sead = 1\n[[stages]]\nstage = "sft"\n')
    said = refused(*command(job, wrong, tmp_path)[3:])
    assert said.startswith(str(wrong))
    assert "did you mean 'seed'" in said


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--base-hash", "xyz", "--base-hash 'xyz'"),
        ("--base", "nowhere", "cannot read nowhere"),
        ("--dataset", "nowhere", "there is no nowhere"),
        ("--run-id", "../x", "'../x'"),
        ("--nice", "-3", "--nice"),
    ],
)
def test_a_wrong_option_is_a_sentence_and_exit_code_2(
    option: str, value: str, says: str, job: TrainingJob, tmp_path: Path
):
    arguments = command(job, Path("quick"), tmp_path)[3:]
    arguments += [option, value]
    assert says in refused(*arguments)


def test_nothing_heavy_is_loaded_to_read_a_recipe():
    code = (
        "import sys, retrain, retrain.recipe, retrain.planning, retrain.__main__;"
        "print([m for m in ('torch', 'transformers', 'trl', 'peft', 'matplotlib', 'numpy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
