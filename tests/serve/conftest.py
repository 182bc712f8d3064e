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


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One gateway for all tests of a module that are only refused, or don't mind each other."""
    fake = FakeVLLM()
    started = GatewayProcess(tmp_path_factory.mktemp("steady") / "home", [fake.url])
    started.wait_ready()
    yield started
    started.stop()
    fake.server.kill()
