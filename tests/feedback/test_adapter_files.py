"""`inspect_adapter` lets through what PEFT and vLLM read alike and nothing else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from feedback.adapter_files import AdapterFiles, inspect_adapter
from feedback.errors import Corrupt

A = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
B = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"
CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ["v_proj", "q_proj"],
    "bias": "none",
    "modules_to_save": None,
    "use_dora": False,
    "init_lora_weights": True,
    "base_model_name_or_path": "/somewhere/base",
}


def tensors(rank: int = 4) -> dict[str, np.ndarray]:
    return {A: np.ones((rank, 6), dtype=np.float32), B: np.full((5, rank), 0.5, dtype=np.float32)}


def write_adapter(directory: Path, config: dict[str, Any] | None = None, weights: dict[str, Any] | None = None) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "adapter_config.json").write_text(json.dumps(CONFIG if config is None else config))
    save_file(tensors() if weights is None else weights, directory / "adapter_model.safetensors")
    return directory


def inspect(
    directory: Path, config: dict[str, Any] | None = None, weights: dict[str, Any] | None = None
) -> AdapterFiles:
    return inspect_adapter(write_adapter(directory, config, weights))


def test_a_good_adapter_is_described(tmp_path: Path) -> None:
    found = inspect(tmp_path / "a")
    sizes = sum(file.stat().st_size for file in (tmp_path / "a").iterdir())
    assert (found.rank, found.target_modules, found.tensors, found.size_bytes) == (4, ("q_proj",), 2, sizes)
    assert len(found.content_hash) == 64


def test_the_hash_ignores_order_layout_and_where_the_base_lay(tmp_path: Path) -> None:
    config = {**dict(reversed(CONFIG.items())), "target_modules": ["q_proj", "v_proj"]}
    config["base_model_name_or_path"] = "/elsewhere"
    weights = dict(reversed(tensors().items()))
    assert inspect(tmp_path / "a").content_hash == inspect(tmp_path / "b", config, weights).content_hash


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        ({**CONFIG, "lora_alpha": 16}, None),
        ({**CONFIG, "use_rslora": True}, None),
        (None, {**tensors(), A: np.full((4, 6), 1.0001, dtype=np.float32)}),
        (None, {name: value.astype(np.float16) for name, value in tensors().items()}),
    ],
)
def test_the_hash_covers_settings_and_every_value(tmp_path: Path, config: Any, weights: Any) -> None:
    assert inspect(tmp_path / "a").content_hash != inspect(tmp_path / "b", config, weights).content_hash


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"peft_type": "IA3"}, "peft_type"),
        ({"r": 8}, "declared rank is 8"),
        ({"r": 0}, "'r' is 0"),
        ({"r": 4.5}, "'r' is 4.5"),
        ({"r": True}, "'r' is True"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"target_modules": []}, "target_modules"),
        ({"target_modules": ["v_proj"]}, "isn't among target_modules"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"rank_pattern": {"q_proj": 4}}, "rank_pattern"),
        ({"alpha_pattern": {"q_proj": 4}}, "alpha_pattern"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"trainable_token_indices": [5]}, "trainable_token_indices"),
    ],
)
def test_settings_that_vllm_would_not_serve_as_trained(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(Corrupt, match=said):
        inspect(tmp_path / "a", {**CONFIG, **change})


def spoiled(name: str, value: float, dtype: Any = np.float32) -> dict[str, np.ndarray]:
    weights: dict[str, np.ndarray] = {key: array.astype(dtype) for key, array in tensors().items()}
    weights[name][0, 0] = value
    return weights


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (spoiled(A, np.nan), "1 infinite or NaN"),
        (spoiled(B, np.inf), "1 infinite or NaN"),
        (spoiled(B, -np.inf, np.float16), "1 infinite or NaN"),
        ({A: tensors()[A]}, "only one of lora_A and lora_B"),
        ({**tensors(), "base_model.model.lm_head.weight": np.ones((2, 2), np.float32)}, "neither lora_A nor lora_B"),
        ({**tensors(), A.replace("lora_A.weight", "lora_magnitude_vector"): np.ones(5, np.float32)}, "neither"),
        ({A.replace(".weight", ".default.weight"): tensors()[A]}, "neither"),
        ({**tensors(), B: np.ones((4, 5), np.float32)}, "declared rank is 4"),
        ({**tensors(), A: np.ones(4, np.float32)}, "declared rank is 4"),
        ({**tensors(), A: np.ones((4, 6), np.int64)}, "is I64"),
        ({}, "holds no tensor"),
    ],
)
def test_tensors_that_are_not_an_adapter(tmp_path: Path, weights: dict[str, Any], said: str) -> None:
    with pytest.raises(Corrupt, match=said):
        inspect(tmp_path / "a", weights=weights)


def test_bfloat16_values_are_checked_too(tmp_path: Path) -> None:
    directory = write_adapter(tmp_path / "a")
    header = {
        name: {"dtype": "BF16", "shape": [4, 4], "data_offsets": [i * 32, i * 32 + 32]} for i, name in enumerate([A, B])
    }
    fine: Any = np.full(16, 0x3F80, "<u2")
    infinite: Any = np.full(16, 0x7F80, "<u2")

    def write(*halves: np.ndarray) -> None:
        text = json.dumps(header).encode()
        body = b"".join(half.tobytes() for half in halves)
        (directory / "adapter_model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + body)

    write(fine, fine)
    assert inspect_adapter(directory).tensors == 2
    write(fine, infinite)
    with pytest.raises(Corrupt, match="16 infinite or NaN"):
        inspect_adapter(directory)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "garbage", "directory"])
def test_damaged_files(tmp_path: Path, name: str, damage: str) -> None:
    path = write_adapter(tmp_path / "a") / name
    whole = path.read_bytes()
    path.unlink()
    if damage == "directory":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"cut": whole[:-3], "empty": b"", "garbage": b"\xff" * 64}[damage])
    with pytest.raises(Corrupt, match=name):
        inspect_adapter(tmp_path / "a")


def test_an_adapter_of_the_output_head_is_refused(tmp_path: Path) -> None:
    head = {name.replace("model.layers.0.self_attn.q_proj", "lm_head"): value for name, value in tensors().items()}
    directory = write_adapter(tmp_path / "head", CONFIG | {"target_modules": ["lm_head"]}, head)
    with pytest.raises(Corrupt, match="'lm_head' is outside the model's blocks"):
        inspect_adapter(directory)
