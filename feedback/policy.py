"""The rules of curation that an operator may change, as a TOML table."""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from feedback.errors import Invalid, NotFound
from feedback.words import Word

DEFAULT_POLICY = Path(__file__).parent / "curation.toml"
Share = Annotated[float, Field(ge=0, lt=1)]
Stars = Annotated[int, Field(ge=1, le=5)]


class CurationPolicy(Word):
    """What counts as liked, what is too long, what counts as the same prompt, and how much is held out."""

    min_stars: Stars = 4  # a reply with so many is liked
    low_stars: Stars = 2  # a reply with no more is disliked
    max_chars: Annotated[int, Field(gt=0)] = 16_000  # of an example's prompt and completions together
    near_duplicate: Annotated[float, Field(gt=0, le=1)] = 0.7  # similarity from which two people's prompts are one
    validation_share: Share = 0.1
    test_share: Share = 0.2  # the rest is for training

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        if self.validation_share + self.test_share >= 1:
            held_out = self.validation_share + self.test_share
            raise ValueError(f"validation_share and test_share are {held_out} together; leave some for training")
        if self.low_stars >= self.min_stars:
            raise ValueError(f"low_stars is {self.low_stars}, it must be under min_stars, {self.min_stars}")
        return self


def load_policy(path: Path = DEFAULT_POLICY) -> CurationPolicy:
    """The policy in the TOML file, defaults where it says nothing. NotFound without a file, else Invalid."""
    try:
        return CurationPolicy.model_validate(tomllib.loads(path.read_text()))
    except FileNotFoundError as missing:
        raise NotFound(f"there is no curation policy {path}") from missing
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise Invalid(f"{path} is no TOML: {wrong}") from wrong
    except ValidationError as wrong:
        faults = []
        for fault in wrong.errors():
            name = ".".join(str(part) for part in fault["loc"])
            near = difflib.get_close_matches(name, CurationPolicy.model_fields, n=1)
            hint = f"; did you mean '{near[0]}'?" if fault["type"] == "extra_forbidden" and near else ""
            faults.append(f"{name or 'the table'}: {fault['msg']}{hint}")
        raise Invalid(f"{path}: {', '.join(faults)}") from wrong
