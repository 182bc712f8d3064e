"""Suites: what is asked and by which rules the replies are scored. Each is a TOML file, versioned by its content."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from evalsuite.rules import Rule
from evalsuite.tables import read_table
from feedback.errors import Invalid
from feedback.words import Turn, Word, digest

SUITES_DIR = Path(__file__).parent / "suites"
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Rules = Annotated[tuple[Rule, ...], Field(min_length=1)]


class Instruction(Word):
    """One checkable instruction: a prompt and the rules that its reply must meet."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    topic: Name
    prompt: Annotated[str, Field(min_length=1)]
    rules: Rules

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn(role="user", content=self.prompt),)


class Suite(Word):
    """Either `instructions` (prompts of its own) or `taste` (rules for fresh replies to the held-out prompts)."""

    name: Name
    title: str
    kind: Literal["instructions", "taste"]
    max_tokens: Annotated[int, Field(ge=1)] | None = None  # for its replies; else what the evaluation's sampling says
    tie_margin: Annotated[float, Field(ge=0, lt=1)] = 0.0  # two scores this near each other are a tie
    items: tuple[Instruction, ...] = ()
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _holds_what_its_kind_needs(self) -> Self:
        if self.kind == "instructions" and (not self.items or self.rules):
            raise ValueError("a suite of kind 'instructions' has [[items]], each with its rules, and no [[rules]]")
        if self.kind == "taste" and (not self.rules or self.items):
            raise ValueError(
                "a suite of kind 'taste' has [[rules]] and no [[items]]: its prompts are the held-out ones"
            )
        ids = [item.id for item in self.items]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"each item needs an id of its own; twice: {', '.join(twice)}")
        return self

    @property
    def version_hash(self) -> str:
        """Covers everything that decides a score; the title isn't among it."""
        return digest(self.model_dump_json(exclude={"title"}))


def load_suite(name_or_path: str | Path) -> Suite:
    """The suite of this name in `evalsuite/suites/`, or at this path. Invalid names the file and the fault."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = SUITES_DIR / f"{name_or_path}.toml"
        if not path.is_file():
            known = ", ".join(suite_names())
            raise Invalid(f"there is no suite '{name_or_path}'; name one of {known}, or give the path of a .toml file")
    return read_table(path, Suite)


def suite_names() -> list[str]:
    return sorted(path.stem for path in SUITES_DIR.glob("*.toml"))
