"""TOML files as Words: an unknown key is an error that names the file, the key and the nearest known one."""

import difflib
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from feedback.errors import Invalid, NotFound
from feedback.words import Word

Kind = TypeVar("Kind", bound=Word)


def read_table(path: Path, kind: type[Kind]) -> Kind:
    """The file as a `kind`. NotFound when there is no such file; Invalid, with every fault named, when it's wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    try:
        return kind.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(_fault(detail, kind) for detail in error.errors(include_url=False))
        raise Invalid(f"{path}: {faults}") from error


def _fault(detail: ErrorDetails, kind: type[Word]) -> str:
    where = ".".join(map(str, detail["loc"])) or "the file"
    if detail["type"] != "extra_forbidden":
        return f"'{where}': {detail['msg']}"
    near = difflib.get_close_matches(str(detail["loc"][-1]), _known_keys(kind), n=1)
    return f"'{where}' is no known key; " + (f"did you mean '{near[0]}'?" if near else "remove it")


def _known_keys(kind: type[Word]) -> list[str]:
    schema = kind.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return sorted({name for part in parts for name in part.get("properties", {})})
