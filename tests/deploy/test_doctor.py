import socket

import pytest

from deploy.doctor import disk, examine, memory, port, processor
from deploy.hardware import Hardware, cpu_flags
from deploy.settings import StackSettings

FIT = Hardware(cores=2, memory_bytes=24 << 30, available_bytes=20 << 30, cpu_flags=frozenset({"avx2"}), gpus=())


def test_a_taken_port_names_the_setting_that_moves_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        check = port("gateway", "RATCHET_PORT", taken.getsockname()[1])
    assert not check.ok
    assert check.fatal
    assert "RATCHET_PORT" in check.remedy
    assert "python" in check.found or "pytest" in check.found


def test_a_free_port_is_fine():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    assert port("gateway", "RATCHET_PORT", number).ok


@pytest.mark.parametrize(
    ("hardware", "ok"),
    [
        (FIT, True),
        (Hardware(2, 4 << 30, 2 << 30, frozenset({"avx2"}), ()), False),
    ],
)
def test_memory(hardware, ok):
    assert memory(hardware).ok is ok


@pytest.mark.parametrize(
    ("flags", "gpus", "ok"),
    [({"avx2", "avx512f"}, (), True), ({"sse2"}, (), False), (set(), ("H100",), True)],
)
def test_processor(flags, gpus, ok):
    assert processor(Hardware(2, 1 << 34, 1 << 34, frozenset(flags), gpus)).ok is ok


def test_disk_is_looked_at_where_the_home_will_be(tmp_path):
    assert str(tmp_path / "not" / "there") in disk(tmp_path / "not" / "there").found


def test_ports_are_not_checked_while_the_platform_holds_them(tmp_path):
    settings = StackSettings(home=tmp_path, _env_file=None)
    names = {check.name for check in examine(settings, FIT, running=True)}
    assert not any(name.startswith("port") for name in names)
    assert {"Python", "packages", "memory", "disk", "processor", "GPU", "base model"} <= names


def test_cpu_flags_are_the_first_processors(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nflags\t\t: fpu avx2\n\nprocessor : 1\nflags\t\t: fpu\n")
    assert cpu_flags(info) == {"fpu", "avx2"}
    assert cpu_flags(tmp_path / "none") == frozenset()
