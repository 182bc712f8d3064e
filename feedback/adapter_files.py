"""What a LoRA directory holds, checked before anybody trains on it further or serves it.

Only what PEFT and vLLM both take to mean the same is let through: one rank, lora_A and lora_B in pairs, finite values,
nothing trained beside them. vLLM ignores some of the rest silently, which makes a reply that training never saw.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, deserialize

from feedback.errors import Corrupt
from feedback.words import Hash, Word, digest

CONFIG_NAME = "adapter_config.json"
TENSORS_NAME = "adapter_model.safetensors"
BLOCK = re.compile(r"\.\d+\.")
TENSOR_NAME = re.compile(r"base_model\.model\.(?P<module>.+)\.(?P<half>lora_A|lora_B)\.weight")
# The bits of an exponent: a value whose exponent is all ones is infinite or not a number.
EXPONENT_BITS: dict[str, tuple[Any, int]] = {
    "F32": (np.dtype("<u4"), 0x7F800000),
    "F16": (np.dtype("<u2"), 0x7C00),
    "BF16": (np.dtype("<u2"), 0x7F80),
}
# Where the base lies on the trainer's machine says nothing about the adapter; its base_hash is recorded elsewhere.
NOT_CONTENT = frozenset({"base_model_name_or_path", "inference_mode"})
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "modules_to_save": (None, []),
    "use_dora": (None, False),
    "lora_bias": (None, False),
    "bias": (None, "none"),
    "rank_pattern": (None, {}),
    "alpha_pattern": (None, {}),
    "layer_replication": (None, []),
    "trainable_token_indices": (None, [], {}),
    "target_parameters": (None, []),
    "alora_invocation_tokens": (None, []),
    "use_bdlora": (None, False, {}),
    "use_qalora": (None, False),
    "megatron_config": (None,),
    "fan_in_fan_out": (None, False),
    "init_lora_weights": (None, True, False, "gaussian", "eva", "orthogonal"),
}


class AdapterFiles(Word):
    """A checked LoRA directory. The hash covers settings and tensors, not their order, file layout or base path."""

    content_hash: Hash
    rank: int
    target_modules: tuple[str, ...]  # the last name of each module that has tensors, sorted
    tensors: int
    size_bytes: int  # of the two files


class Tensor(NamedTuple):
    """One tensor as it is stored."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    raw: bytes


def inspect_adapter(adapter_dir: Path) -> AdapterFiles:
    """The adapter in the directory, which vLLM will serve as PEFT trained it. Corrupt, with the cause, otherwise."""
    config_bytes = _read(adapter_dir / CONFIG_NAME)
    tensor_bytes = _read(adapter_dir / TENSORS_NAME)
    config = _parse_config(adapter_dir, config_bytes)
    tensors = _parse_tensors(adapter_dir, tensor_bytes)
    modules = _check_tensors(adapter_dir, tensors, config["r"])
    _check_targets(adapter_dir, modules, config["target_modules"])
    return AdapterFiles(
        content_hash=_content_hash(config, tensors),
        rank=config["r"],
        target_modules=tuple(sorted({module.rsplit(".", 1)[-1] for module in modules})),
        tensors=len(tensors),
        size_bytes=len(config_bytes) + len(tensor_bytes),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failed:
        raise Corrupt(f"cannot read {path} ({failed.strerror}): an adapter is a directory with that file") from failed


def _parse_config(adapter_dir: Path, raw: bytes) -> dict[str, Any]:
    try:
        config = json.loads(raw)
    except (ValueError, RecursionError) as wrong:
        raise Corrupt(f"{adapter_dir / CONFIG_NAME} is no JSON: {wrong}; train again") from wrong
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise Corrupt(f"{adapter_dir / CONFIG_NAME} is no LoRA configuration: its peft_type must be 'LORA'")
    for name, low in (("r", 1), ("lora_alpha", 0)):
        value = config.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < low:
            raise Corrupt(f"{adapter_dir / CONFIG_NAME}: '{name}' is {value!r}, it must be a number of at least {low}")
    if not isinstance(config["r"], int):
        raise Corrupt(f"{adapter_dir / CONFIG_NAME}: 'r' is {config['r']!r}, it must be a whole number")
    targets = config.get("target_modules")
    if not isinstance(targets, str | list) or not targets or not all(isinstance(name, str) for name in targets):
        raise Corrupt(f"{adapter_dir / CONFIG_NAME}: 'target_modules' is {targets!r}, it must name modules")
    for name, allowed in NEUTRAL.items():
        if not any(config.get(name) == value for value in allowed):
            raise Corrupt(
                f"{adapter_dir / CONFIG_NAME}: '{name}' is {config[name]!r}, which vLLM doesn't serve as trained"
            )
    return config


def _parse_tensors(adapter_dir: Path, raw: bytes) -> list[Tensor]:
    try:
        entries = deserialize(raw)
    except SafetensorError as wrong:
        raise Corrupt(f"{adapter_dir / TENSORS_NAME} is no safetensors file: {wrong}; train again") from wrong
    tensors = [Tensor(name, e["dtype"], tuple(e["shape"]), bytes(e["data"])) for name, e in entries]
    if not tensors:
        raise Corrupt(f"{adapter_dir / TENSORS_NAME} holds no tensor; train again")
    return sorted(tensors)


def _check_tensors(adapter_dir: Path, tensors: list[Tensor], rank: int) -> set[str]:
    """The modules that have both halves."""
    halves: dict[str, set[str]] = {}
    for tensor in tensors:
        match = TENSOR_NAME.fullmatch(tensor.name)
        if match is None:
            raise Corrupt(f"{adapter_dir}: tensor '{tensor.name}' is neither lora_A nor lora_B; vLLM would drop it")
        if not BLOCK.search(match["module"]):
            raise Corrupt(
                f"{adapter_dir}: '{match['module']}' is outside the model's blocks (the output head, say), where vLLM "
                "is not given adapters; train on the blocks' linear layers only"
            )
        declared = 0 if match["half"] == "lora_A" else 1
        if len(tensor.shape) != 2 or tensor.shape[declared] != rank:
            raise Corrupt(f"{adapter_dir}: tensor '{tensor.name}' is {list(tensor.shape)}, the declared rank is {rank}")
        _check_finite(adapter_dir, tensor)
        halves.setdefault(match["module"], set()).add(match["half"])
    alone = sorted(module for module, found in halves.items() if len(found) == 1)
    if alone:
        raise Corrupt(f"{adapter_dir}: {alone[0]} has only one of lora_A and lora_B; train again")
    return set(halves)


def _check_finite(adapter_dir: Path, tensor: Tensor) -> None:
    if tensor.dtype not in EXPONENT_BITS:
        raise Corrupt(f"{adapter_dir}: tensor '{tensor.name}' is {tensor.dtype}, not one of {sorted(EXPONENT_BITS)}")
    kind, exponent = EXPONENT_BITS[tensor.dtype]
    wrong = int(np.count_nonzero((np.frombuffer(tensor.raw, dtype=kind) & exponent) == exponent))
    if wrong:
        raise Corrupt(
            f"{adapter_dir}: tensor '{tensor.name}' has {wrong} infinite or NaN values; lower the learning rate"
        )


def _check_targets(adapter_dir: Path, modules: set[str], targets: str | list[str]) -> None:
    if isinstance(targets, str):
        return  # a pattern over module names, which PEFT resolved when it trained
    for module in sorted(modules):
        if not any(module == target or module.endswith(f".{target}") for target in targets):
            raise Corrupt(f"{adapter_dir}: {module} has tensors and isn't among target_modules {sorted(targets)}")


def _content_hash(config: dict[str, Any], tensors: list[Tensor]) -> str:
    # PEFT keeps target_modules in a set and writes it in whatever order that gives.
    content = {
        key: sorted(value) if key == "target_modules" and isinstance(value, list) else value
        for key, value in config.items()
        if key not in NOT_CONTENT
    }
    parts: list[str | bytes] = [json.dumps(content, sort_keys=True)]
    for tensor in tensors:
        parts += [tensor.name, tensor.dtype, json.dumps(tensor.shape), tensor.raw]
    return digest(*parts)
