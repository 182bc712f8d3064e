"""The whole platform on real parts, driven as an operator drives it: through the `ratchet` command and HTTP."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import openai
import psutil

from deploy import stack
from deploy.gateway import Gateway
from deploy.processes import ProcessState, Supervisor
from deploy.settings import StackSettings
from deploy.training import run_training
from feedback.ids import new_id
from feedback.words import Adapter, RunManifest

RATCHET = Path(sys.executable).parent / "ratchet"
READY_WAIT_S = 400

RECIPE = """
seed = 5
[lora]
rank = 8
alpha = 16
[[stages]]
stage = "sft"
rehearse = 8
epochs = 2
lr = 2e-3
batch_size = 8
[[stages]]
stage = "dpo"
epochs = 2
lr = 1e-3
batch_size = 8
"""


@dataclass(frozen=True)
class Started:
    """What `run_training` takes from a cycle, for trainings that no cycle started."""

    line: str
    recipe: str
    run_id: str


class Platform:
    """One home directory with its processes; ports and base model are given."""

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        self.environment = os.environ | {
            "RATCHET_HOME": str(settings.home),
            "RATCHET_CACHE": str(settings.cache),
            "RATCHET_BASE_MODEL": settings.base_model,
            "RATCHET_PORT": str(settings.port),
            "RATCHET_UI_PORT": str(settings.ui_port),
            "RATCHET_VLLM_PORT": str(settings.vllm_port),
            "RATCHET_MAX_MODEL_LEN": str(settings.max_model_len),
        }

    def ratchet(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [RATCHET, *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=900
        )
        if check:
            assert done.returncode == 0, f"ratchet {' '.join(arguments)}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done

    def start_ratchet(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [RATCHET, *arguments], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def logs(self) -> str:
        files = sorted((self.settings.home / "logs").glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in files)

    @property
    def line(self) -> str:
        return self.settings.line

    def operator(self) -> Gateway:
        return stack.connect(self.settings)

    def wait_ready(self) -> float:
        with self.operator() as gateway:
            return gateway.wait_ready(READY_WAIT_S)

    def process(self, name: str) -> ProcessState:
        return next(process for process in Supervisor(self.settings).processes() if process.name == name)

    def kill(self, name: str) -> None:
        """kill -9 of the process and of all it started."""
        top = psutil.Process(self.process(name).pid)
        for process in [*top.children(recursive=True), top]:
            process.kill()
        psutil.wait_procs([top], timeout=20)

    def client(self, key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.settings.gateway_url}/v1", api_key=key, max_retries=0)

    def key(self, user_id: str) -> str:
        """A new user's key for this person."""
        with self.operator() as operator:
            return operator.new_key(user_id, "user", "test")

    def customer(self, user_id: str) -> Gateway:
        return Gateway(self.settings.gateway_url, self.key(user_id))

    def train(self, dataset_dir: Path, recipe: Path) -> RunManifest:
        start = Started(self.line, str(recipe), new_id("run", datetime.now(UTC)))
        return run_training(dataset_dir, stack.base_in_use(self.settings), start, self.settings.home / "runs")

    def candidate(self, dataset_dir: Path, recipe: Path) -> Adapter:
        """A freshly trained adapter, taken in and loaded."""
        manifest = self.train(dataset_dir, recipe)
        with self.operator() as operator:
            return operator.take_in(manifest.run_id, self.line)


def until(condition, timeout_s: float, what: str) -> float:
    """Seconds until the condition held."""
    started = time.monotonic()
    while not condition():
        waited = time.monotonic() - started
        assert waited < timeout_s, f"{what}: not within {timeout_s} s"
        time.sleep(0.1)
    return time.monotonic() - started


def recipe_with(recipe: Path, seed: int) -> Path:
    """The same recipe with another seed: other bytes, so another adapter."""
    other = recipe.with_name(f"tiny-{seed}.toml")
    other.write_text(RECIPE.replace("seed = 5", f"seed = {seed}"))
    return other
