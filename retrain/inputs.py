"""What each stage that runs is fed, and where it leaves what it makes."""

from dataclasses import dataclass, replace
from pathlib import Path

from feedback.dataset import Dataset
from feedback.words import SplitName
from retrain.machine import BatchShape
from retrain.planning import KINDS, PlannedStage, plan
from retrain.recipe import DPOStage, Recipe, SFTStage
from retrain.rows import CountTokens, Rows, pair_rows, sft_rows

# Passes over a token: one forward, a backward that costs two, and for DPO the reference's forward.
PASSES = {"sft": 3, "dpo": 4}


@dataclass(frozen=True)
class StageInput:
    """A stage that runs: its settings, its rows and its directory."""

    settings: SFTStage | DPOStage
    train: Rows
    validation: Rows
    stage_dir: Path
    rehearsed: int = 0  # how many of the training rows are rehearsal

    @property
    def name(self) -> str:
        return self.settings.stage

    def rehearsing(self, more: Rows) -> "StageInput":
        """The same stage with these rows among those it trains on."""
        return replace(self, train=self.train.joined(more), rehearsed=len(more))

    @property
    def adapter_dir(self) -> Path:
        return self.stage_dir / "adapter"

    @property
    def work(self) -> float:
        """How much there is to compute, in passes over a token."""
        return self.settings.epochs * self.train.tokens * PASSES[self.name]

    @property
    def largest_batch(self) -> BatchShape:
        sides = 2 if isinstance(self.settings, DPOStage) else 1
        longest = max(self.train.longest, self.validation.longest)
        return BatchShape(sequences=sides * self.settings.batch_size, longest=longest)


def prepare(
    recipe: Recipe, dataset: Dataset, count: CountTokens, stages_dir: Path
) -> tuple[tuple[PlannedStage, ...], tuple[StageInput, ...]]:
    """The plan, by what is short enough to train on, and the stages that run. Invalid when none does."""
    rows = {settings.stage: _rows(settings, dataset, count) for settings in recipe.stages}
    planned = plan(recipe, {KINDS[name]: {"train": len(splits["train"])} for name, splits in rows.items()})
    running = [stage.settings for stage in planned if stage.runs]
    return planned, tuple(
        StageInput(
            settings=settings,
            train=rows[settings.stage]["train"],
            validation=rows[settings.stage]["validation"],
            stage_dir=stages_dir / f"{number}-{settings.stage}",
        )
        for number, settings in enumerate(running, start=1)
    )


def _rows(settings: SFTStage | DPOStage, dataset: Dataset, count: CountTokens) -> dict[SplitName, Rows]:
    """The test split is none of training's business."""
    splits: tuple[SplitName, ...] = ("train", "validation")
    if isinstance(settings, DPOStage):
        return {split: pair_rows(dataset.pairs, split, count, settings.max_length) for split in splits}
    return {split: sft_rows(dataset.sft, split, count, settings.max_length) for split in splits}
