import errno
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedback.errors import Conflict, StorageFull
from retrain.directory import (
    JobCard,
    finished,
    full_disk_said_plainly,
    open_run,
    read_history,
    unfinished_stage,
    write_history,
)
from retrain.recipe import load_recipe

CARD = JobCard(
    run_id="run_1",
    line="main",
    base_id="tiny",
    base_hash="00000000",
    dataset_hash="11111111",
    recipe_hash="22222222",
    started_at=datetime(2026, 3, 1, tzinfo=UTC),
)
LATER = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_new_directory_has_nothing_finished(tmp_path: Path):
    assert finished(tmp_path / "run_1", resume=False) is None
    assert finished(tmp_path / "run_1", resume=True) is None


def test_a_directory_in_use_is_only_resumed(tmp_path: Path):
    open_run(tmp_path, CARD, load_recipe("quick"))
    assert finished(tmp_path, resume=True) is None
    with pytest.raises(Conflict, match="exists already"):
        finished(tmp_path, resume=False)


def test_resuming_keeps_the_first_start(tmp_path: Path):
    recipe = load_recipe("quick")
    assert open_run(tmp_path, CARD, recipe) == CARD
    assert open_run(tmp_path, CARD.model_copy(update={"started_at": LATER}), recipe) == CARD
    assert load_recipe(tmp_path / "recipe.toml") == recipe


@pytest.mark.parametrize("name", ["line", "base_id", "base_hash", "dataset_hash", "recipe_hash"])
def test_resuming_with_something_else_is_refused(name: str, tmp_path: Path):
    recipe = load_recipe("quick")
    open_run(tmp_path, CARD, recipe)
    with pytest.raises(Conflict, match=f"started with {name} .* not '99999999'"):
        open_run(tmp_path, CARD.model_copy(update={name: "99999999"}), recipe)


def test_a_stage_directory_is_there_whole_or_not_at_all(tmp_path: Path):
    stage_dir = tmp_path / "stages" / "1-sft"
    leftover = stage_dir.parent / ".1-sft.abcd"
    leftover.mkdir(parents=True)
    with pytest.raises(FileNotFoundError), unfinished_stage(stage_dir) as unfinished:
        (unfinished / "half").write_bytes((unfinished / "missing").read_bytes())
    assert list(stage_dir.parent.iterdir()) == []
    with unfinished_stage(stage_dir) as unfinished:
        write_history(unfinished, [{"step": 1}, {"step": 2}])
    assert read_history(stage_dir) == [{"step": 1}, {"step": 2}]
    assert [path.name for path in stage_dir.parent.iterdir()] == ["1-sft"]


def test_a_full_disk_is_said_plainly_and_other_failures_are_left_alone(tmp_path: Path):
    with pytest.raises(StorageFull, match="--resume"), full_disk_said_plainly(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), full_disk_said_plainly(tmp_path):
        (tmp_path / "missing").read_bytes()
