import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from deploy.settings import StackSettings
from tests.loop.platform import Platform
from tests.tiny_model import make_tiny_model

# Two quick trainings' worth of recipe for the tiny model.
RECIPE = """
"""


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture(scope="session")
def platform(tmp_path_factory) -> Iterator[Platform]:
    """The real platform over the tiny model, started once for all tests in this folder."""
    root = tmp_path_factory.mktemp("loop")
    port, ui_port, vllm_port = free_ports(3)
    settings = StackSettings(
        home=root / "home",
        cache=root / "cache",
        base_model=str(make_tiny_model(root / "tiny")),
        port=port,
        ui_port=ui_port,
        vllm_port=vllm_port,
        max_model_len=512,
        _env_file=None,
    )
    platform = Platform(settings)
    platform.ratchet("up", "--wait")
    yield platform
    platform.ratchet("down")
