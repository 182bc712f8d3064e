"""Runs with adapters small enough to write in a test."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from feedback.adapter_files import inspect_adapter
from feedback.ids import make_id
from feedback.manifest import write_json
from feedback.words import RunManifest
from tests.serve.fake_vllm import BASE_ID

AT = datetime(2026, 3, 1, tzinfo=UTC)
BASE_HASH = "b" * 64
MODULE = "base_model.model.model.layers.0.self_attn.q_proj"


def run_id(number: int) -> str:
    return make_id("run", AT, number.to_bytes(8, "big"))


def write_adapter(directory: Path, fill: float, rank: int = 4) -> Path:
    directory.mkdir(parents=True)
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 8, "target_modules": ["q_proj"], "bias": "none"}
    (directory / "adapter_config.json").write_text(json.dumps(config))
    weights: dict[str, Any] = {
        f"{MODULE}.lora_A.weight": np.full((rank, 6), fill, dtype=np.float32),
        f"{MODULE}.lora_B.weight": np.full((5, rank), fill, dtype=np.float32),
    }
    save_file(weights, directory / "adapter_model.safetensors")
    return directory


def write_run(home: Path, number: int, rank: int = 4, **changes: Any) -> str:
    """A finished run in the home directory; `changes` are to its manifest."""
    run_dir = home / "runs" / run_id(number)
    files = inspect_adapter(write_adapter(run_dir / "adapter", fill=float(number), rank=rank))
    manifest = RunManifest(
        run_id=run_id(number),
        line="main",
        base_id=BASE_ID,
        base_hash=BASE_HASH,
        dataset_hash="d" * 16,
        recipe_hash="e" * 64,
        adapter_hash=files.content_hash,
        rank=rank,
        stages=(),
        started_at=AT,
        finished_at=AT,
        versions={},
    )
    write_json(run_dir / "run.json", manifest.model_copy(update=changes))
    return run_id(number)
