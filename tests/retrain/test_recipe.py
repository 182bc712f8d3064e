import tomllib
from pathlib import Path

import pytest

from feedback.errors import Invalid, NotFound
from retrain.recipe import PRESETS_DIR, Recipe, load_recipe, preset_names, recipe_hash

SFT = '[[stages]]\nstage = "sft"\n'
DPO = '[[stages]]\nstage = "dpo"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(PRESETS_DIR.glob("*.toml")), ids=lambda path: path.stem)
def test_every_preset_loads_by_name_and_by_path(path: Path):
    assert load_recipe(path.stem) == load_recipe(path)


def test_the_presets_are_listed():
    assert {"default", "quick"} <= set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_a_written_recipe_reads_back_equal(name: str, tmp_path: Path):
    recipe = load_recipe(name)
    again = load_recipe(written(tmp_path, recipe.toml()))
    assert again == recipe
    assert recipe_hash(again) == recipe_hash(recipe)


def test_the_hash_sees_every_value_and_not_how_it_was_written(tmp_path: Path):
    plain = load_recipe(written(tmp_path, SFT))
    spelt_out = load_recipe(written(tmp_path, "seed = 0\n" + SFT + "lr = 2e-4\n"))
    assert recipe_hash(plain) == recipe_hash(spelt_out)
    changed = Recipe.model_validate(tomllib.loads("seed = 1\n" + SFT))
    assert recipe_hash(changed) != recipe_hash(plain)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sead = 1\n" + SFT, ["sead", "did you mean 'seed'"]),
        (SFT + "epohcs = 2\n", ["stages.0.sft.epohcs", "did you mean 'epochs'"]),
        (SFT + "beta = 0.1\n", ["stages.0.sft.beta", "unknown key"]),
        (DPO + "lost_type = 'ipo'\n", ["stages.0.dpo.lost_type", "did you mean 'loss_type'"]),
        ("[lora]\nrnak = 8\n" + SFT, ["lora.rnak", "did you mean 'rank'"]),
        ("[lora]\nzzzz = 8\n" + SFT, ["known are alpha, dropout, rank, targets"]),
        ('[lora]\ntargets = ["q_proj", "lm_head"]\n' + SFT, ["lora", "lm_head", "inside the blocks"]),
        ("[lora]\ntargets = []\n" + SFT, ["lora", "name linear layers"]),
        (SFT + "lr = -1.0\n", ["stages.0.sft.lr", "greater than 0"]),
        (SFT + "batch_size = 0\n", ["stages.0.sft.batch_size"]),
        (SFT + 'batch_size = "many"\n', ["stages.0.sft.batch_size", "integer"]),
        ('precision = "float7"\n' + SFT, ["precision", "float32"]),
        ('[[stages]]\nstage = "rlhf"\n', ["rlhf", "'sft', 'dpo'"]),
        (DPO + SFT, ["['dpo', 'sft']", "in the order"]),
        (SFT + SFT, ["at most once"]),
        (DPO + "label_smoothing = 0.1\n", ["0.1", "only loss_type 'robust'"]),
        (DPO + "label_smoothing = 0.5\nloss_type = 'robust'\n", ["label_smoothing", "less than 0.5"]),
        ("seed = 1\n", ["stages", "required"]),
        ("stages = []\n", ["stages"]),
        ("seed = = 1", ["no TOML"]),
    ],
)
def test_a_wrong_recipe_is_refused_by_file_and_key(text: str, says: list[str], tmp_path: Path):
    path = written(tmp_path, text)
    with pytest.raises(Invalid) as refused:
        load_recipe(path)
    for words in [str(path), *says]:
        assert words in str(refused.value)


def test_an_unknown_name_lists_the_presets(tmp_path: Path):
    with pytest.raises(NotFound, match=r"'quik'.*default, quick"):
        load_recipe("quik")
    with pytest.raises(NotFound):
        load_recipe(tmp_path)
