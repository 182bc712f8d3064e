import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from feedback.adapter_files import inspect_adapter
from feedback.errors import Conflict, Corrupt, Invalid, NotFound
from feedback.manifest import read_json
from feedback.words import RunManifest
from retrain.recipe import DPOStage, Recipe, SFTStage, load_recipe, recipe_hash
from retrain.run import TrainingJob, train
from tests.retrain.invented import pair, write_invented
from tests.tiny_model import make_tiny_model

Finished = tuple[RunManifest, str]


def history(job: TrainingJob, stage: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (job.run_dir / "stages" / stage / "history.jsonl").read_text().splitlines()]


def test_the_manifest_says_what_was_trained_on_what(job: TrainingJob, finished: Finished):
    manifest, _ = finished
    assert read_json(job.run_dir / "run.json", RunManifest) == manifest
    assert [(stage.stage, stage.examples, stage.steps) for stage in manifest.stages] == [
        ("sft", 12, 6),
        ("dpo", 12, 24),
    ]
    assert manifest.dataset_hash == job.dataset_dir.name
    resolved = load_recipe(job.run_dir / "recipe.toml")
    assert recipe_hash(resolved) == manifest.recipe_hash
    assert resolved.precision == "float32"
    assert resolved.threads > 0
    assert manifest.versions["trl"]
    assert manifest.finished_at > manifest.started_at


def test_the_adapter_is_the_two_files_and_a_card(job: TrainingJob, finished: Finished):
    manifest, _ = finished
    found = inspect_adapter(job.run_dir / "adapter")
    assert (found.content_hash, found.rank) == (manifest.adapter_hash, 4)
    assert sorted(path.name for path in (job.run_dir / "adapter").iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    card = (job.run_dir / "adapter" / "README.md").read_text()
    assert manifest.dataset_hash in card
    assert "| preference pairs | 12 | 4 | 0 |" in card
    assert not [path.name for path in (job.run_dir / "stages").iterdir() if path.name.startswith(".")]


def reply_logprob(model: Any, tokenizer: Any, prompt: list[dict[str, str]], reply: str) -> float:
    asked = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=False)
    ids = asked + tokenizer(reply)["input_ids"]
    with torch.no_grad():
        logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(logprobs[at - 1, ids[at]].item() for at in range(len(asked), len(ids)))


def test_peft_loads_it_and_it_learnt_the_taste(job: TrainingJob, finished: Finished):
    tokenizer = AutoTokenizer.from_pretrained(job.base_dir)
    base = AutoModelForCausalLM.from_pretrained(job.base_dir)
    held_out = pair(13)
    prompt = [turn.model_dump() for turn in held_out.prompt]

    def margin(model: Any) -> float:
        chosen, rejected = (reply_logprob(model, tokenizer, prompt, r) for r in (held_out.chosen, held_out.rejected))
        return chosen - rejected

    before = margin(base)
    assert margin(PeftModel.from_pretrained(base, job.run_dir / "adapter")) > before + 5


def test_the_loss_falls_and_dpo_starts_from_the_sft_policy_as_its_reference(job: TrainingJob, finished: Finished):
    watched = [r["metrics"]["eval_loss"] for r in history(job, "1-sft") if "eval_loss" in r["metrics"]]
    assert watched == sorted(watched, reverse=True)
    assert len(watched) == 3
    first, *_, last = [r for r in history(job, "2-dpo") if r["loss"] is not None]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert first["metrics"]["rewards/margins"] == pytest.approx(0, abs=1e-5)
    assert last["loss"] < 0.5
    assert last["metrics"]["rewards/accuracies"] == 1
    assert last["metrics"]["rewards/margins"] > 0.5


def test_progress_is_told_and_drawn(job: TrainingJob, finished: Finished):
    _, said = finished
    assert "SFT runs: 12 SFT examples" in said
    assert "DPO 24/24" in said
    records = [json.loads(line) for line in (job.run_dir / "progress.jsonl").read_text().splitlines()]
    assert sum(record.get("loss") is not None for record in records) == 30
    assert (job.run_dir / "plots" / "loss.png").stat().st_size > 10_000


def test_a_finished_run_is_not_run_again(job: TrainingJob, finished: Finished):
    manifest, _ = finished
    assert train(replace(job, resume=True), io.StringIO()) == manifest
    with pytest.raises(Conflict, match="--resume"):
        train(job, io.StringIO())


def sft_only(recipe: Recipe, **changes: Any) -> Recipe:
    return recipe.model_copy(update={"stages": recipe.stages[:1], **changes})


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(job: TrainingJob, finished: Finished, tmp_path: Path):
    def weights(folder: Path) -> bytes:
        return (folder / "adapter" / "adapter_model.safetensors").read_bytes()

    first = weights(job.run_dir / "stages" / "1-sft")
    for run_id, seed in (("run_same", job.recipe.seed), ("run_other", 99)):
        recipe = sft_only(job.recipe, seed=seed)
        again = replace(job, recipe=recipe, runs_dir=tmp_path, run_id=run_id)
        train(again, io.StringIO())
        assert (weights(again.run_dir) == first) is (seed == job.recipe.seed)


def test_over_long_pairs_are_left_out_and_counted(job: TrainingJob, tmp_path: Path):
    settings = DPOStage(
        stage="dpo", min_examples=2, batch_size=4, max_length=91, loss_type="robust", label_smoothing=0.1
    )
    short = replace(job, recipe=Recipe(threads=1, stages=(settings,)), runs_dir=tmp_path)
    (stage,) = train(short, io.StringIO()).stages
    assert (stage.examples, stage.metrics["dropped_too_long"]) == (8, 4)
    assert stage.metrics["validation_examples"] + stage.metrics["validation_dropped_too_long"] == 4


def test_all_too_long_is_refused_before_a_directory_is_made(job: TrainingJob, tmp_path: Path):
    recipe = Recipe(stages=(SFTStage(stage="sft", max_length=16),))
    with pytest.raises(Invalid, match="SFT is left out: 0 SFT examples"):
        train(replace(job, recipe=recipe, runs_dir=tmp_path), io.StringIO())
    assert not (tmp_path / job.run_id).exists()


def test_a_changed_byte_in_the_dataset_is_refused(job: TrainingJob, tmp_path: Path):
    dataset_dir = write_invented(tmp_path / "datasets")
    pairs = dataset_dir / "pairs.jsonl"
    pairs.write_text(pairs.read_text().replace("chain", "crane", 1))
    with pytest.raises(Corrupt, match=r"pairs\.jsonl"):
        train(replace(job, dataset_dir=dataset_dir, runs_dir=tmp_path), io.StringIO())
    with pytest.raises(NotFound):
        train(replace(job, dataset_dir=tmp_path, runs_dir=tmp_path), io.StringIO())


def test_a_loss_that_is_no_number_stops_the_run_without_a_manifest(job: TrainingJob, tmp_path: Path):
    broken = make_tiny_model(tmp_path / "base")
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = float("inf")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    base = job.base.model_copy(update={"path": str(broken)})
    with pytest.raises(Invalid, match=r"SFT broke down: \w+ is (nan|inf) at step 0"):
        train(replace(job, base=base, recipe=sft_only(job.recipe), runs_dir=tmp_path), io.StringIO())
    assert not (tmp_path / job.run_id / "run.json").exists()
    assert list((tmp_path / job.run_id / "stages").iterdir()) == []


def test_a_run_id_is_a_plain_name(job: TrainingJob):
    with pytest.raises(Invalid, match=r"'\.\./elsewhere'"):
        replace(job, run_id="../elsewhere")
