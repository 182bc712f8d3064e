"""What a training does, as TOML: stages, LoRA, seed, precision. Where things are comes from the command line.

An unknown key is an error that names the nearest known one. Presets lie in `recipes/`.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from feedback.errors import Invalid, NotFound
from feedback.words import Word, digest

PRESETS_DIR = Path(__file__).parent / "recipes"
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
TOKEN_TABLES = frozenset({"embed_tokens", "lm_head"})  # vLLM doesn't serve adapters of them as trained
Precision = Literal["auto", "float32", "bfloat16"]


class Lora(Word):
    """The adapter's shape. An update is scaled by alpha / rank (Hu et al. 2021, arXiv:2106.09685)."""

    rank: Annotated[int, Field(gt=0, le=256)] = 16
    alpha: Annotated[float, Field(gt=0)] = 32
    dropout: Share = 0.0
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"  # names of linear layers, such as q_proj

    @model_validator(mode="after")
    def _leaves_the_token_tables_alone(self) -> Self:
        tables = sorted(TOKEN_TABLES.intersection(self.targets if isinstance(self.targets, tuple) else ()))
        if tables or not self.targets:
            raise ValueError(f"targets is {self.targets}; name linear layers inside the blocks, not {tables or 'none'}")
        return self


class Stage(Word):
    """What every stage takes. An example of more than `max_length` tokens is left out and counted, never cut."""

    min_examples: Positive = 1  # with fewer the stage is left out
    epochs: Annotated[float, Field(gt=0)] = 1.0
    lr: Annotated[float, Field(gt=0, lt=1)]
    batch_size: Positive = 8
    accumulation: Positive = 1
    max_length: Annotated[int, Field(ge=16)] = 512
    warmup: Share = 0.1  # of the steps
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    scheduler: Literal["linear", "cosine", "constant_with_warmup"] = "cosine"


class SFTStage(Stage):
    """Imitate the completions; the loss is on their tokens only. `rehearse` general prompts with the base model's own
    replies are mixed in against forgetting (retrain/rehearsal.py)."""

    stage: Literal["sft"]
    rehearse: Annotated[int, Field(ge=0)] = 0
    lr: Annotated[float, Field(gt=0, lt=1)] = 2e-4


class DPOStage(Stage):
    """Prefer chosen to rejected, held near the policy that the stage starts from.

    Losses: sigmoid (Rafailov et al. 2023, arXiv:2305.18290), robust to flipped labels at the rate `label_smoothing`
    (Chowdhury et al. 2024, arXiv:2403.00409), ipo (Azar et al. 2023, arXiv:2310.12036).
    """

    stage: Literal["dpo"]
    lr: Annotated[float, Field(gt=0, lt=1)] = 5e-5
    min_examples: Positive = 8
    loss_type: Literal["sigmoid", "robust", "ipo"] = "sigmoid"
    beta: Annotated[float, Field(gt=0)] = 0.1
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0

    @model_validator(mode="after")
    def _smooths_only_where_it_counts(self) -> Self:
        if self.label_smoothing and self.loss_type != "robust":
            raise ValueError(f"label_smoothing is {self.label_smoothing}, only loss_type 'robust' uses it")
        return self


STAGES: dict[str, type[Stage]] = {"sft": SFTStage, "dpo": DPOStage}
StageRecipe = Annotated[SFTStage | DPOStage, Field(discriminator="stage")]


class Recipe(Word):
    """One training. `precision` auto and `threads` 0 mean: as the machine has it."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    precision: Precision = "auto"
    threads: Annotated[int, Field(ge=0)] = 0
    lora: Lora = Lora()
    stages: Annotated[tuple[StageRecipe, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _goes_from_imitation_to_preference(self) -> Self:
        order = [settings.stage for settings in self.stages]
        if order != [name for name in STAGES if name in order]:
            raise ValueError(f"the stages are {order}; each comes at most once, in the order {list(STAGES)}")
        return self

    def toml(self) -> str:
        """The whole recipe, defaults included, as TOML that `load_recipe` reads back to an equal one."""
        return tomli_w.dumps(self.model_dump(mode="json"))


def recipe_hash(recipe: Recipe) -> str:
    """SHA-256 over every value, defaults included: equal recipes, however they were written, have equal hashes."""
    return digest(recipe.model_dump_json())


def preset_names() -> list[str]:
    return sorted(path.stem for path in PRESETS_DIR.glob("*.toml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """The preset of that name, else the file at that path. NotFound when there is neither, Invalid when it is no
    recipe; the message names the file and, for an unknown key, the nearest known one."""
    preset = PRESETS_DIR / f"{name_or_path}.toml"
    path = preset if str(name_or_path) in preset_names() else Path(name_or_path)
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text()))
    except (FileNotFoundError, IsADirectoryError) as missing:
        raise NotFound(
            f"there is no recipe '{name_or_path}': name a preset ({', '.join(preset_names())}) or a TOML file"
        ) from missing
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise Invalid(f"{path} is no TOML: {wrong}") from wrong
    except ValidationError as wrong:
        faults = "; ".join(_sentence(fault["type"], fault["loc"], fault["msg"]) for fault in wrong.errors())
        raise Invalid(f"{path}: {faults}") from wrong


def _sentence(kind: str, loc: tuple[Any, ...], message: str) -> str:
    where = ".".join(str(part) for part in loc) or "the recipe"
    if kind != "extra_forbidden":
        return f"{where}: {message}"
    known = _known_keys(loc)
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(known))}"
    return f"{where}: unknown key; {hint}"


def _known_keys(loc: tuple[Any, ...]) -> list[str]:
    """The keys of the table that `loc` lies in, as pydantic names it: ('stages', 0, 'sft', 'epohcs')."""
    if loc[0] == "lora" and len(loc) > 1:
        return list(Lora.model_fields)
    if loc[0] == "stages" and len(loc) > 3:
        return list(STAGES[loc[2]].model_fields)
    return list(Recipe.model_fields)
