import pytest

from feedback.errors import Invalid
from retrain.planning import plan
from retrain.recipe import DPOStage, Recipe, SFTStage

SFT = SFTStage(stage="sft", min_examples=2)
DPO = DPOStage(stage="dpo", min_examples=4)


def counts(sft: int, pairs: int) -> dict[str, dict[str, int]]:
    return {"sft": {"train": sft, "test": 90}, "pairs": {"train": pairs, "validation": 90}, "kto": {"train": 90}}


@pytest.mark.parametrize(
    ("stages", "sft", "pairs", "running"),
    [
        ((SFT, DPO), 2, 4, ["sft", "dpo"]),
        ((SFT, DPO), 2, 3, ["sft"]),
        ((SFT, DPO), 1, 4, ["dpo"]),
        ((SFT,), 2, 0, ["sft"]),
        ((DPO,), 0, 4, ["dpo"]),
    ],
)
def test_stages_run_when_the_train_split_has_enough(stages, sft, pairs, running):
    planned = plan(Recipe(stages=stages), counts(sft, pairs))
    assert [stage.settings.stage for stage in planned if stage.runs] == running
    assert [stage.settings for stage in planned] == list(stages)


def test_a_stage_left_out_says_why():
    (_, dpo) = plan(Recipe(stages=(SFT, DPO)), counts(2, 3))
    assert dpo.reason == "DPO is left out: 3 preference pairs to train on, the recipe asks for at least 4."


@pytest.mark.parametrize("found", [counts(1, 3), {}])
def test_nothing_to_train_on_is_refused_with_the_counts(found):
    with pytest.raises(Invalid, match=r"nothing to train on: .* \d SFT examples .* \d preference pairs"):
        plan(Recipe(stages=(SFT, DPO)), found)
