"""Runs one stage: opens the policy, trains it, leaves adapter, history and summary in the stage's directory."""

import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback.manifest import write_json
from feedback.words import BaseModelRef, StageSummary
from retrain.directory import STAGE_NAME, unfinished_stage, write_history
from retrain.inputs import StageInput
from retrain.policy import open_policy, save_adapter
from retrain.progress import ProgressLog
from retrain.recipe import Lora, Recipe
from retrain.stages import StageJob, train_stage


@dataclass(frozen=True)
class Workbench:
    """What every stage of a run shares."""

    base: BaseModelRef
    recipe: Recipe
    tokenizer: Any
    progress: ProgressLog

    def run(self, stage: StageInput, start: Lora | Path) -> StageSummary:
        """The stage's directory is complete: it starts from a fresh adapter of that shape, or from the saved one.

        The policy is opened anew for each stage, so that a resumed run computes what an uninterrupted one does.
        """
        began = time.monotonic()
        records: list[dict[str, Any]] = []
        self.progress.begin(stage.name)
        policy = open_policy(Path(self.base.path), self.recipe.precision, self.recipe.seed, start)
        with unfinished_stage(stage.stage_dir) as unfinished:
            job = StageJob(
                settings=stage.settings,
                train=stage.train,
                validation=stage.validation,
                seed=self.recipe.seed,
                scratch_dir=unfinished,
                report=lambda step, of, metrics: records.append(self.progress.step(stage.name, step, of, metrics)),
            )
            steps, last = train_stage(policy, self.tokenizer, job)
            save_adapter(policy, self.base.base_id, unfinished / "adapter")
            write_history(unfinished, records)
            summary = _summary(stage, steps, time.monotonic() - began, last)
            write_json(unfinished / STAGE_NAME, summary)
        self.progress.end(stage.name)
        return summary


def _summary(stage: StageInput, steps: int, seconds: float, last: dict[str, float]) -> StageSummary:
    return StageSummary(
        stage=stage.settings.stage,
        examples=len(stage.train) - stage.rehearsed,
        steps=steps,
        seconds=round(seconds, 2),
        metrics={
            **last,
            "rehearsed": stage.rehearsed,
            "dropped_too_long": stage.train.dropped_too_long,
            "validation_examples": len(stage.validation),
            "validation_dropped_too_long": stage.validation.dropped_too_long,
            "tokens_per_s": round(stage.settings.epochs * stage.train.tokens / seconds, 1),
            "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        },
    )
