"""A run's directory: what it is a run of, which stages are complete, what is left over from a crash."""

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from feedback.errors import Conflict, StorageFull
from feedback.manifest import publish, read_json, unfinished_sibling, write_bytes, write_json
from feedback.words import Hash, RunManifest, StageSummary, Word
from retrain.recipe import Recipe

JOB_NAME, RECIPE_NAME, MANIFEST_NAME = "job.json", "recipe.toml", "run.json"
STAGE_NAME, HISTORY_NAME = "stage.json", "history.jsonl"


class JobCard(Word):
    """What a run was started on. Resuming goes on only when all of it but the time is the same."""

    run_id: str
    line: str
    base_id: str
    base_hash: Hash
    dataset_hash: Hash
    recipe_hash: Hash
    started_at: datetime


def finished(run_dir: Path, resume: bool) -> RunManifest | None:
    """The manifest of a run that is complete already. Conflict when the directory is in use and not to be resumed."""
    if not resume and run_dir.exists() and any(run_dir.iterdir()):
        raise Conflict(f"{run_dir} exists already: give --resume to go on with it, or another --run-id")
    return read_json(run_dir / MANIFEST_NAME, RunManifest) if (run_dir / MANIFEST_NAME).exists() else None


def open_run(run_dir: Path, card: JobCard, recipe: Recipe) -> JobCard:
    """The card that the run was first started with; written now when there is none. Conflict when it is of another
    dataset, base or recipe."""
    (run_dir / "stages").mkdir(parents=True, exist_ok=True)
    (run_dir / "plots").mkdir(exist_ok=True)
    if not (run_dir / JOB_NAME).exists():
        write_bytes(run_dir / RECIPE_NAME, recipe.toml().encode())
        write_json(run_dir / JOB_NAME, card)
        return card
    first = read_json(run_dir / JOB_NAME, JobCard)
    for name in JobCard.model_fields:
        was, now = getattr(first, name), getattr(card, name)
        if name != "started_at" and was != now:
            raise Conflict(
                f"{run_dir} was started with {name} '{was}', not '{now}': resume it with that, or start anew"
            )
    return first


def completed_stage(stage_dir: Path) -> StageSummary | None:
    return read_json(stage_dir / STAGE_NAME, StageSummary) if (stage_dir / STAGE_NAME).exists() else None


@contextmanager
def unfinished_stage(stage_dir: Path) -> Iterator[Path]:
    """A directory to fill; it becomes `stage_dir` when the block ends well, and vanishes when it doesn't."""
    for leftover in stage_dir.parent.glob(f".{stage_dir.name}.*"):
        shutil.rmtree(leftover)
    unfinished = unfinished_sibling(stage_dir)
    try:
        yield unfinished
        publish(unfinished, stage_dir)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_history(stage_dir: Path, records: list[dict[str, Any]]) -> None:
    write_bytes(stage_dir / HISTORY_NAME, "".join(json.dumps(record) + "\n" for record in records).encode())


def read_history(stage_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (stage_dir / HISTORY_NAME).read_text().splitlines()]


@contextmanager
def full_disk_said_plainly(run_dir: Path) -> Iterator[None]:
    """A full disk is StorageFull, and says that complete stages are kept."""
    try:
        yield
    except OSError as failed:
        if failed.errno != errno.ENOSPC:
            raise
        raise StorageFull(
            f"the disk of {run_dir} is full; complete stages are kept: free some room and run again with --resume"
        ) from failed
