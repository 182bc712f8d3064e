"""What this machine is: cores, memory, processor flags, GPUs."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

GIB = 1024**3


@dataclass(frozen=True)
class Hardware:
    """Sizes in bytes. `gpus` are the names NVIDIA's driver gives them."""

    cores: int
    memory_bytes: int
    available_bytes: int
    cpu_flags: frozenset[str]
    gpus: tuple[str, ...]

    @property
    def has_gpu(self) -> bool:
        return bool(self.gpus)


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The first processor's flags; empty where the system doesn't tell."""
    if not cpuinfo.exists():
        return frozenset()
    for row in cpuinfo.read_text(errors="replace").splitlines():
        key, _, value = row.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def gpu_names() -> tuple[str, ...]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    listed = subprocess.run(
        [tool, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=False, timeout=20
    )
    return tuple(row.strip() for row in listed.stdout.splitlines() if row.strip()) if listed.returncode == 0 else ()


def this_machine() -> Hardware:
    memory = psutil.virtual_memory()
    return Hardware(
        cores=len(psutil.Process().cpu_affinity()),
        memory_bytes=memory.total,
        available_bytes=memory.available,
        cpu_flags=cpu_flags(),
        gpus=gpu_names(),
    )
