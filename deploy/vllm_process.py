"""vLLM's command line and environment for this machine, as values.

CPU flags follow measurements on two cores: float32 is faster than bfloat16 without AVX512-BF16 and gives replies that
equal PEFT's to the letter; one process instead of three starts a fifth faster; both cores are used.
"""

import re
import sys
from pathlib import Path

from deploy.hardware import GIB, Hardware
from deploy.settings import StackSettings
from feedback.errors import MachineTooSmall
from feedback.words import BaseModelRef

PYTHON_OVERHEAD_BYTES = int(1.5 * GIB)
KV_CACHE_GIB = 1
BLOCK_WEIGHT = re.compile(r"\.\d+\.(?:[^.]+\.)*(?P<layer>[^.]+)\.weight$")


def command(settings: StackSettings, base: BaseModelRef, hardware: Hardware) -> list[str]:
    """The arguments that start vLLM on loopback with runtime LoRA loading on."""
    arguments = {
        "--model": base.path,
        "--served-model-name": base.base_id,
        "--host": "127.0.0.1",
        "--port": settings.vllm_port,
        "--max-model-len": settings.max_model_len,
        "--max-loras": settings.max_loras,
        "--max-cpu-loras": settings.max_loras * 2,
        "--max-lora-rank": settings.max_lora_rank,
    }
    if hardware.has_gpu:
        arguments |= {"--dtype": "auto", "--gpu-memory-utilization": 0.6}
    else:
        arguments |= {"--dtype": "float32", "--distributed-executor-backend": "uni", "--max-num-seqs": 16}
    flat = [str(part) for pair in arguments.items() for part in pair]
    targets = lora_targets(Path(base.path))
    lora = ["--enable-lora", *(["--lora-target-modules", *targets] if targets else [])]
    return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *lora, *flat]


def lora_targets(model_dir: Path) -> list[str]:
    """The names of the linear layers inside the model's blocks: what adapters may change. The output head is none.

    vLLM 0.32 on a CPU dies when prompt log-probabilities are asked for while other requests run and the head takes
    LoRA: it indexes the prompt's rows with the batch's requests. Adapters that change the head aren't taken in anyway.
    """
    from safetensors import safe_open

    names: set[str] = set()
    for path in model_dir.glob("*.safetensors"):
        with safe_open(path, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118  (it is no dictionary)
                inside = BLOCK_WEIGHT.search(name)
                if inside and len(tensors.get_slice(name).get_shape()) == 2:
                    names.add(inside["layer"])
    return sorted(names)


def environment(hardware: Hardware) -> dict[str, str]:
    """What vLLM reads from its environment. Nothing is reported to anyone and nothing is fetched."""
    shared = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    }
    if hardware.has_gpu:
        return shared
    return shared | {
        "VLLM_CPU_OMP_THREADS_BIND": f"0-{hardware.cores - 1}",
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        "VLLM_CPU_KVCACHE_SPACE": str(KV_CACHE_GIB),
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "OMP_NUM_THREADS": str(hardware.cores),
    }


def check_memory(base: BaseModelRef, hardware: Hardware) -> None:
    """Raises MachineTooSmall, with the numbers, when the base model can't be served from main memory."""
    if hardware.has_gpu:
        return
    weights = sum(path.stat().st_size for path in Path(base.path).glob("*.safetensors"))
    needed = 2 * weights + KV_CACHE_GIB * GIB + PYTHON_OVERHEAD_BYTES  # stored in 16 bits, served in 32
    if hardware.available_bytes < needed:
        raise MachineTooSmall(
            f"vLLM needs about {needed / GIB:.1f} GiB for {base.base_id} and {hardware.available_bytes / GIB:.1f} GiB "
            "is available; close something, or choose a smaller model with RATCHET_BASE_MODEL"
        )
