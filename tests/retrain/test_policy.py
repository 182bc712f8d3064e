import json
import shutil
from pathlib import Path

import pytest
import torch

from feedback.adapter_files import inspect_adapter
from feedback.errors import Invalid
from feedback.words import BaseModelRef
from retrain.policy import choose_precision, count_tokens, open_policy, open_tokenizer, save_adapter
from retrain.recipe import Lora

LORA = Lora(rank=4, alpha=8)


def test_a_saved_adapter_opens_to_the_same_logits(base: BaseModelRef, tmp_path: Path):
    policy = open_policy(Path(base.path), "float32", 1, LORA)
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(2))
    save_adapter(policy, "tiny", tmp_path / "adapter")
    again = open_policy(Path(base.path), "float32", 1, tmp_path / "adapter")
    ids = torch.arange(3, 40)[None]
    assert torch.equal(again(ids).logits, policy(ids).logits)
    with policy.disable_adapter():
        assert not torch.allclose(again(ids).logits, policy(ids).logits, atol=1e-3)
    assert inspect_adapter(tmp_path / "adapter").rank == 4


def test_the_files_name_the_base_by_its_id_and_hold_float32(base: BaseModelRef, tmp_path: Path):
    save_adapter(open_policy(Path(base.path), "bfloat16", 1, LORA), "tiny", tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"
    assert config["target_modules"] == sorted(config["target_modules"])
    header = (tmp_path / "adapter" / "adapter_model.safetensors").read_bytes()[:400]
    assert b'"F32"' in header
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_the_same_seed_gives_the_same_fresh_adapter(base: BaseModelRef, tmp_path: Path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        save_adapter(open_policy(Path(base.path), "float32", seed, LORA), "tiny", tmp_path / name)
    a, b, c = ((tmp_path / name / "adapter_model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_targets_that_the_model_lacks_are_refused(base: BaseModelRef):
    with pytest.raises(Invalid, match=r"lora.targets is \('c_attn',\)"):
        open_policy(Path(base.path), "float32", 1, Lora(targets=("c_attn",)))


def test_tokens_are_counted_in_the_chat_template(base: BaseModelRef):
    tokenizer = open_tokenizer(Path(base.path))
    messages = [{"role": "user", "content": "Which lock?"}]
    expected = tokenizer("<|im_start|>user\nWhich lock?<|im_end|>\n")["input_ids"]
    assert count_tokens(tokenizer, messages) == len(expected)


def test_a_tokenizer_without_a_chat_template_is_refused(base: BaseModelRef, tmp_path: Path):
    shutil.copytree(base.path, tmp_path / "base")
    (tmp_path / "base" / "chat_template.jinja").unlink()
    with pytest.raises(Invalid, match="no chat template"):
        open_tokenizer(tmp_path / "base")


def test_auto_is_float32_without_a_gpu():
    assert choose_precision("auto") == ("bfloat16" if torch.cuda.is_available() else "float32")
    assert choose_precision("bfloat16") == "bfloat16"
