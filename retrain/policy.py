"""The policy being trained: a frozen base model with one LoRA adapter, opened and saved."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save
from transformers import AutoModelForCausalLM, AutoTokenizer

from feedback.adapter_files import CONFIG_NAME, TENSORS_NAME
from feedback.errors import Invalid
from feedback.manifest import write_bytes
from retrain.recipe import Lora, Precision
from retrain.rows import Messages

REPLIES_AT_ONCE = 32
TRAINED = "default"  # PEFT's name for the adapter that is trained; TRL adds a frozen copy of it named "ref"


def open_tokenizer(base_dir: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(base_dir)
    if tokenizer.chat_template is None:
        raise Invalid(f"{base_dir} has no chat template: choose a chat or instruct model")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def count_tokens(tokenizer: Any, messages: Messages) -> int:
    """How many tokens the messages are, rendered with the model's chat template."""
    return len(tokenizer.apply_chat_template(messages, return_dict=False))


def use_threads(threads: int) -> None:
    torch.set_num_threads(threads)


def choose_precision(wanted: Precision) -> Literal["float32", "bfloat16"]:
    """`auto` is bfloat16 weights on a GPU and float32 on a CPU, where bfloat16 rounds a small adapter's effect away.
    The adapter itself is float32 everywhere."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if torch.cuda.is_available() else "float32"


def open_policy(base_dir: Path, precision: str, seed: int, adapter: Lora | Path) -> Any:
    """The base model with a fresh adapter of that shape, or with the saved one to go on from."""
    base = AutoModelForCausalLM.from_pretrained(base_dir, dtype=getattr(torch, precision))
    if isinstance(adapter, Path):
        return PeftModel.from_pretrained(base, adapter, is_trainable=True)
    transformers.set_seed(seed)
    targets = adapter.targets if isinstance(adapter.targets, str) else list(adapter.targets)
    settings = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(base, settings)
    except ValueError as wrong:
        raise Invalid(f"lora.targets is {adapter.targets!r}, which doesn't fit {base_dir}: {wrong}") from wrong


def base_replies(
    base_dir: Path, precision: str, tokenizer: Any, prompts: Sequence[Messages], most_tokens: int
) -> list[str | None]:
    """The untrained base model's greedy replies, in the prompts' order; None for one that `most_tokens` cut short."""
    model = AutoModelForCausalLM.from_pretrained(base_dir, dtype=getattr(torch, precision)).eval()
    if torch.cuda.is_available():
        model = model.to("cuda")
    replies: list[str | None] = []
    for at in range(0, len(prompts), REPLIES_AT_ONCE):
        batch = list(prompts[at : at + REPLIES_AT_ONCE])
        inputs = tokenizer.apply_chat_template(
            batch,
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
            tokenizer_kwargs={"padding_side": "left"},
        ).to(model.device)
        with torch.no_grad():
            made = model.generate(
                **inputs, max_new_tokens=most_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id
            )
        for tokens in made[:, inputs["input_ids"].shape[1] :]:
            finished = tokenizer.eos_token_id in tokens
            replies.append(tokenizer.decode(tokens, skip_special_tokens=True).strip() if finished else None)
    return replies


def save_adapter(policy: Any, base_id: str, target: Path) -> None:
    """`target` holds the trained adapter alone: its configuration with sorted keys and its float32 tensors, durably.

    Equal adapters give equal bytes. The base is named by its id: where it lies is no business of the adapter's.
    """
    settings = policy.peft_config[TRAINED].to_dict()
    config = {name: sorted(value) if isinstance(value, set) else value for name, value in settings.items()}
    config |= {"base_model_name_or_path": base_id, "inference_mode": True}
    state = get_peft_model_state_dict(policy, adapter_name=TRAINED, save_embedding_layers=False)
    tensors = {name: state[name].detach().to("cpu", torch.float32).contiguous() for name in sorted(state)}
    target.mkdir(parents=True)
    write_bytes(target / CONFIG_NAME, json.dumps(config, indent=2, sort_keys=True).encode() + b"\n")
    write_bytes(target / TENSORS_NAME, save(tensors, metadata={"format": "pt"}))
