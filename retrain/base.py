"""What the frozen base model's directory says about itself, read without loading it."""

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from feedback.errors import Invalid
from feedback.words import Word
from retrain.recipe import TOKEN_TABLES

CONFIG_NAME = "config.json"
TEMPLATE_NAME = "chat_template.jinja"
TOKENIZER_CONFIG_NAME = "tokenizer_config.json"


class BaseShape(Word):
    """The sizes that memory and disk estimates need."""

    hidden: int
    layers: int
    feed_forward: int
    vocabulary: int
    parameters: int
    matrices: tuple[tuple[str, int, int], ...]  # name, rows and columns of each linear layer


def read_base(base_dir: Path) -> BaseShape:
    """The model's shape. Invalid when the directory lacks its configuration, weights, tokenizer or chat template."""
    config = _read_json(base_dir / CONFIG_NAME)
    text = config.get("text_config", config)
    _require_tokenizer(base_dir)
    tensors = dict(_tensors(base_dir))
    try:
        return BaseShape(
            hidden=text["hidden_size"],
            layers=text["num_hidden_layers"],
            feed_forward=text["intermediate_size"],
            vocabulary=text["vocab_size"],
            parameters=sum(_size(shape) for shape in tensors.values()),
            matrices=tuple((n, *s) for n, s in sorted(tensors.items()) if len(s) == 2 and _is_adapted(n)),
        )
    except KeyError as missing:
        raise Invalid(f"{base_dir / CONFIG_NAME} has no {missing}: it is no decoder-only language model") from missing


def lora_parameters(shape: BaseShape, rank: int, targets: str | Iterable[str]) -> int:
    """How many numbers an adapter of that rank on those modules has. `all-linear` is every linear layer."""
    names = None if targets == "all-linear" else set(targets)
    chosen = [(r, c) for name, r, c in shape.matrices if names is None or name.split(".")[-2] in names]
    return rank * sum(rows + columns for rows, columns in chosen)


def _require_tokenizer(base_dir: Path) -> None:
    settings = _read_json(base_dir / TOKENIZER_CONFIG_NAME)
    if not (base_dir / TEMPLATE_NAME).is_file() and not settings.get("chat_template"):
        raise Invalid(
            f"{base_dir} has no chat template ({TEMPLATE_NAME} or chat_template in {TOKENIZER_CONFIG_NAME}): "
            "choose a chat or instruct model"
        )


def _tensors(base_dir: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    files = sorted(base_dir.glob("*.safetensors"))
    if not files:
        raise Invalid(f"{base_dir} has no *.safetensors file: convert the weights to safetensors first")
    for path in files:
        for name, entry in _header(path).items():
            if name != "__metadata__":
                yield name, tuple(entry["shape"])


def _header(path: Path) -> dict[str, Any]:
    """Eight bytes of length, then as much JSON: the safetensors format."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            return json.loads(file.read(min(length, path.stat().st_size)))
    except (struct.error, ValueError) as wrong:
        raise Invalid(f"{path} is no safetensors file: {wrong}; fetch the base model again") from wrong


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_bytes())
    except OSError as failed:
        raise Invalid(f"cannot read {path} ({failed.strerror}): --base must be a Hugging Face model folder") from failed
    except ValueError as wrong:
        raise Invalid(f"{path} is no JSON: {wrong}; fetch the base model again") from wrong


def _is_adapted(name: str) -> bool:
    return name.endswith(".weight") and not any(part in name for part in TOKEN_TABLES)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
