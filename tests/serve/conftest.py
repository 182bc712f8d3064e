from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.fake_vllm import FakeVLLM
from tests.serve.gateway import GatewayProcess


@pytest.fixture
def vllm() -> Iterator[FakeVLLM]:
    fake = FakeVLLM()
    yield fake
    fake.server.kill()


@pytest.fixture
def gateway(vllm: FakeVLLM, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway that is ready, over the fake vLLM and a real store."""
    started = GatewayProcess(tmp_path / "home", [vllm.url])
    started.wait_ready()
    yield started
    started.stop()
