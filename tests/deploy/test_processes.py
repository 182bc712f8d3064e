import configparser
import os
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.hardware import Hardware
from deploy.processes import GATEWAY, PAGE, VLLM, Program, Supervisor, configuration, escaped, programs
from deploy.settings import StackSettings
from deploy.vllm_process import check_memory, command, lora_targets
from feedback.errors import Invalid, MachineTooSmall, NotReady
from feedback.words import BaseModelRef
from tests.tiny_model import make_tiny_model

CPU = Hardware(cores=2, memory_bytes=24 << 30, available_bytes=20 << 30, cpu_flags=frozenset({"avx2"}), gpus=())
GPU = Hardware(cores=8, memory_bytes=64 << 30, available_bytes=60 << 30, cpu_flags=frozenset(), gpus=("H100",))
BASE = BaseModelRef(base_id="tiny", base_hash="ab" * 32, path="/models/tiny")


def settings(home: Path) -> StackSettings:
    return StackSettings(home=home, cache=home / "cache", _env_file=None)


def test_the_configuration_is_read_back_with_every_program(tmp_path):
    wanted = programs(settings(tmp_path), BASE, CPU)
    text = configuration(settings(tmp_path), wanted, tmp_path / "s.sock")
    parsed = configparser.RawConfigParser()
    parsed.read_string(text)
    assert {f"program:{name}" for name in (GATEWAY, PAGE, VLLM)} <= set(parsed.sections())
    assert parsed["program:vllm"]["stopasgroup"] == "true"
    assert "deploy.tether" in parsed["program:gateway"]["command"]
    assert f'RATCHET_BASE_HASH="{BASE.base_hash}"' in parsed["program:gateway"]["environment"]


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a;b", "a\\b"])
def test_a_value_that_would_break_out_of_its_line_is_refused(value):
    with pytest.raises(Invalid, match="choose another"):
        escaped(value)


def test_a_percent_sign_is_taken_as_itself():
    assert escaped("100%") == "100%%"


@pytest.mark.parametrize(("hardware", "dtype"), [(CPU, "float32"), (GPU, "auto")])
def test_vllm_listens_on_loopback_with_lora_on(tmp_path, hardware, dtype):
    arguments = command(settings(tmp_path), BASE, hardware)
    pairs = dict(pairwise(arguments))
    assert pairs["--host"] == "127.0.0.1"
    assert pairs["--dtype"] == dtype
    assert pairs["--served-model-name"] == "tiny"
    assert "--enable-lora" in arguments


def test_adapters_may_change_the_blocks_linear_layers_and_not_the_head(tmp_path):
    assert lora_targets(make_tiny_model(tmp_path)) == [
        "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj",
    ]  # fmt: skip


def test_too_little_memory_is_said_with_the_numbers(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 1024)
    small = Hardware(cores=2, memory_bytes=2 << 30, available_bytes=1 << 30, cpu_flags=frozenset(), gpus=())
    with pytest.raises(MachineTooSmall, match=r"2\.5 GiB for tiny and 1\.0 GiB is available"):
        check_memory(BASE.model_copy(update={"path": str(tmp_path)}), small)


def test_a_supervisor_starts_restarts_and_stops_its_programs(tmp_path):
    supervisor = Supervisor(settings(tmp_path))
    with pytest.raises(NotReady, match="ratchet up"):
        supervisor.processes()
    sleeper = Program("sleeper", ["sleep", "600"], {"ODD": "50% of it"}, start_s=0)
    supervisor.start([sleeper])
    try:
        first = wait_running(supervisor)
        Path(f"/proc/{first.pid}/cwd").stat()

        os.kill(first.pid, signal.SIGKILL)
        second = wait_running(supervisor, other_than=first.pid)
        assert second.pid != first.pid
    finally:
        supervisor.stop()
    assert not supervisor.running()
    assert not Path(f"/proc/{second.pid}").exists()


def test_when_the_supervisor_is_killed_its_programs_end_and_it_starts_again(tmp_path):

    supervisor = Supervisor(settings(tmp_path))
    sleeper = Program("sleeper", ["sleep", "600"], start_s=0)
    supervisor.start([sleeper])
    orphan = wait_running(supervisor).pid
    time.sleep(0.5)  # the tether has become the program
    os.kill(supervisor.call("getPID"), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{orphan}/exe").exists():
        assert time.monotonic() < deadline, "the program outlived its supervisor"
        time.sleep(0.05)
    supervisor.start([sleeper])
    try:
        assert wait_running(supervisor).pid != orphan
    finally:
        supervisor.stop()


def wait_running(supervisor: Supervisor, other_than: int = 0):

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (process,) = supervisor.processes()
        if process.state == "RUNNING" and process.pid != other_than:
            return process
        time.sleep(0.1)
    raise AssertionError("the program did not start")
