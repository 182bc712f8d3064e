"""What a run hands on: the adapter directory, with a card that says where it comes from."""

import importlib.metadata
import platform
import shutil
from pathlib import Path

from feedback.adapter_files import CONFIG_NAME, TENSORS_NAME
from feedback.manifest import publish, unfinished_sibling, write_bytes
from feedback.words import DatasetCard, RunManifest, StageSummary
from retrain.planning import PlannedStage

CARD_NAME = "README.md"
LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets", "tokenizers", "safetensors")


def publish_adapter(trained_dir: Path, adapter_dir: Path, card: str) -> None:
    """`adapter_dir` holds the two files that PEFT and vLLM load and the card, whole or not at all."""
    if adapter_dir.exists():
        shutil.rmtree(adapter_dir)
    unfinished = unfinished_sibling(adapter_dir)
    for name in (CONFIG_NAME, TENSORS_NAME):
        write_bytes(unfinished / name, (trained_dir / name).read_bytes())
    write_bytes(unfinished / CARD_NAME, card.encode())
    publish(unfinished, adapter_dir)


def library_versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in LIBRARIES}}


def model_card(manifest: RunManifest, dataset: DatasetCard, planned: tuple[PlannedStage, ...]) -> str:
    """A Markdown card: base, data, stages, and how to load it."""
    kinds = {"sft": "SFT examples", "pairs": "preference pairs", "kto": "single judgements"}
    rows = "\n".join(
        f"| {kinds.get(kind, kind)} | {splits.get('train', 0)} | {splits.get('validation', 0)} | "
        f"{splits.get('test', 0)} |"
        for kind, splits in sorted(dataset.counts.items())
    )
    stages = "\n".join(_stage_line(stage) for stage in manifest.stages)
    return f"""# LoRA adapter of run {manifest.run_id}

An adapter of rank {manifest.rank} for `{manifest.base_id}` (hash `{manifest.base_hash}`), line `{manifest.line}`.
It has not been evaluated yet: whether it may be served is the gate's decision.

## Data

Dataset `{dataset.dataset_hash}`, from people's feedback in snapshot `{dataset.snapshot_id}`.
The test split was not read.

| | train | validation | test |
| --- | --- | --- | --- |
{rows}

## Training

Recipe `{manifest.recipe_hash}`. {" ".join(stage.reason for stage in planned)}

| stage | examples | steps | seconds | last loss | validation loss |
| --- | --- | --- | --- | --- | --- |
{stages}

## Use

    from peft import PeftModel
    model = PeftModel.from_pretrained(base_model, "adapter")

With the chat template of the base model. The reference model and the optimizer's state are not part of it.
"""


def _stage_line(stage: StageSummary) -> str:
    loss, watched = (f"{stage.metrics[n]:.3f}" if n in stage.metrics else "-" for n in ("loss", "eval_loss"))
    return f"| {stage.stage.upper()} | {stage.examples} | {stage.steps} | {stage.seconds:.0f} | {loss} | {watched} |"
