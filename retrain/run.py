"""The whole training: Dataset + Recipe -> a run directory with one adapter, its manifest written last.

What is complete stays: after a crash the same job with `resume` goes on from the last complete stage.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TextIO

from feedback.adapter_files import inspect_adapter
from feedback.dataset import Dataset, read_dataset
from feedback.errors import Invalid
from feedback.manifest import read_json, write_json
from feedback.words import BASE_LINE, BaseModelRef, RunManifest, StageSummary
from retrain import directory, machine
from retrain.base import BaseShape, lora_parameters, read_base
from retrain.candidate import library_versions, model_card, publish_adapter
from retrain.directory import JobCard
from retrain.inputs import StageInput, prepare
from retrain.planning import plan
from retrain.plots import draw_curves
from retrain.progress import ProgressLog
from retrain.recipe import Lora, Recipe, SFTStage, recipe_hash
from retrain.rehearsal import Reply, rehearsal_rows, rehearse
from retrain.rows import CountTokens

WEIGHT_BYTES = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class TrainingJob:
    """What to train, on what, and where it goes: `<runs_dir>/<run_id>`."""

    dataset_dir: Path
    base: BaseModelRef
    recipe: Recipe
    runs_dir: Path
    run_id: str
    line: str = BASE_LINE
    resume: bool = False

    def __post_init__(self) -> None:
        if Path(self.run_id).name != self.run_id:
            raise Invalid(f"the run id '{self.run_id}' is no plain directory name, such as run_0190")

    @property
    def base_dir(self) -> Path:
        return Path(self.base.path)

    @property
    def run_dir(self) -> Path:
        return self.runs_dir / self.run_id


def train(job: TrainingJob, out: TextIO = sys.stderr) -> RunManifest:
    """The manifest of the finished run. A run that is complete already is returned as it is.

    Refuses before the model is loaded: Corrupt or NotFound for the dataset, Invalid for the base model, the recipe or
    too little data, MachineTooSmall for memory or disk, Conflict for the run directory of another job. Invalid, too,
    when the loss stops being a number; then there is no manifest. `out` gets the progress.
    """
    complete = directory.finished(job.run_dir, job.resume)
    if complete:
        return complete
    dataset = read_dataset(job.dataset_dir)
    shape = read_base(job.base_dir)
    plan(job.recipe, dataset.card.counts)
    job.runs_dir.mkdir(parents=True, exist_ok=True)
    with directory.full_disk_said_plainly(job.run_dir):
        return _train(job, dataset, shape, out)


def _train(job: TrainingJob, dataset: Dataset, shape: BaseShape, out: TextIO) -> RunManifest:
    from retrain import policy, stages
    from retrain.workbench import Workbench

    stages.quiet()
    recipe = job.recipe.model_copy(
        update={
            "precision": policy.choose_precision(job.recipe.precision),
            "threads": job.recipe.threads or machine.cores(),
        }
    )
    policy.use_threads(recipe.threads)
    tokenizer = policy.open_tokenizer(job.base_dir)
    count = partial(policy.count_tokens, tokenizer)
    planned, inputs = prepare(recipe, dataset, count, job.run_dir / "stages")
    _require_machine(job.runs_dir, recipe, shape, inputs)
    card = directory.open_run(job.run_dir, _card(job, dataset, recipe), recipe)
    reply = partial(policy.base_replies, job.base_dir, recipe.precision, tokenizer)
    inputs = tuple(_with_rehearsal(job.run_dir, stage, reply, count, out) for stage in inputs)
    to_do = {stage.name: stage.work for stage in inputs if not directory.completed_stage(stage.stage_dir)}
    start: Lora | Path = recipe.lora
    with ProgressLog(job.run_dir / "progress.jsonl", to_do, out) as progress:
        for decision in planned:
            progress.say(decision.reason)
        bench = Workbench(job.base, recipe, tokenizer, progress)
        for stage in inputs:
            if stage.name in to_do:
                bench.run(stage, start)
            start = stage.adapter_dir
    return _hand_over(job.run_dir, card, inputs, partial(model_card, dataset=dataset.card, planned=planned))


def _with_rehearsal(run_dir: Path, stage: StageInput, reply: Reply, count: CountTokens, out: TextIO) -> StageInput:
    wanted = stage.settings.rehearse if isinstance(stage.settings, SFTStage) else 0
    if not wanted:
        return stage
    print(f"asking the base model {wanted} general questions to rehearse", file=out, flush=True)
    rehearsal = rehearse(run_dir, wanted, reply)
    print(f"rehearsing {len(rehearsal.items)} replies; {rehearsal.unfinished} were too long", file=out, flush=True)
    return stage.rehearsing(rehearsal_rows(rehearsal, count, stage.settings.max_length))


def _card(job: TrainingJob, dataset: Dataset, recipe: Recipe) -> JobCard:
    return JobCard(
        run_id=job.run_id,
        line=job.line,
        base_id=job.base.base_id,
        base_hash=job.base.base_hash,
        dataset_hash=dataset.card.dataset_hash,
        recipe_hash=recipe_hash(recipe),
        started_at=datetime.now(UTC),
    )


def _require_machine(runs_dir: Path, recipe: Recipe, shape: BaseShape, inputs: Sequence[StageInput]) -> None:
    trained = lora_parameters(shape, recipe.lora.rank, recipe.lora.targets)
    batches = tuple(stage.largest_batch for stage in inputs)
    needed = machine.peak_bytes(shape, trained, WEIGHT_BYTES[recipe.precision], batches)
    machine.require_memory(needed, machine.available_memory_bytes())
    machine.require_disk(trained * machine.FLOAT_BYTES * (len(inputs) + 1), runs_dir)


def _hand_over(
    run_dir: Path, card: JobCard, inputs: Sequence[StageInput], describe: Callable[[RunManifest], str]
) -> RunManifest:
    """The adapter of the last stage, checked, with its card, the curves, and the manifest last."""
    adapter = inspect_adapter(inputs[-1].adapter_dir)
    manifest = RunManifest(
        **card.model_dump(),
        adapter_hash=adapter.content_hash,
        rank=adapter.rank,
        stages=tuple(read_json(stage.stage_dir / directory.STAGE_NAME, StageSummary) for stage in inputs),
        finished_at=datetime.now(UTC),
        versions=library_versions(),
    )
    publish_adapter(inputs[-1].adapter_dir, run_dir / "adapter", describe(manifest))
    draw_curves({s.name: directory.read_history(s.stage_dir) for s in inputs}, run_dir / "plots" / "loss.png")
    write_json(run_dir / directory.MANIFEST_NAME, manifest)
    return manifest
