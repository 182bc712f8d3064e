"""Which stages of a recipe the data supports, and why. Pure."""

from collections.abc import Mapping
from typing import Literal

from feedback.errors import Invalid
from feedback.words import Word
from retrain.recipe import DPOStage, Recipe, SFTStage

KINDS: dict[Literal["sft", "dpo"], str] = {"sft": "sft", "dpo": "pairs"}  # stage -> what it is counted as
NOUNS = {"sft": "SFT examples", "dpo": "preference pairs"}


class PlannedStage(Word):
    """A stage of the recipe, whether it runs, and the reason in a sentence."""

    settings: SFTStage | DPOStage
    examples: int
    runs: bool
    reason: str


def plan(recipe: Recipe, counts: Mapping[str, Mapping[str, int]]) -> tuple[PlannedStage, ...]:
    """Every stage of the recipe in its order, decided. `counts` is kind (sft, pairs) -> split -> examples, as a
    dataset's card has it; only the train split counts. Invalid, with the counts, when no stage can run."""
    decided = tuple(_decide(settings, counts.get(KINDS[settings.stage], {})) for settings in recipe.stages)
    if not any(stage.runs for stage in decided):
        raise Invalid(
            f"there is nothing to train on: {' '.join(stage.reason for stage in decided)} "
            "Collect more corrections and comparisons, or lower min_examples in the recipe"
        )
    return decided


def _decide(settings: SFTStage | DPOStage, splits: Mapping[str, int]) -> PlannedStage:
    found, needed, noun = splits.get("train", 0), settings.min_examples, NOUNS[settings.stage]
    runs = found >= needed
    verb = "runs" if runs else "is left out"
    reason = f"{settings.stage.upper()} {verb}: {found} {noun} to train on, the recipe asks for at least {needed}."
    return PlannedStage(settings=settings, examples=found, runs=runs, reason=reason)
