import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.cycle import Cycles, CycleState, made
from deploy.demo.people import load_shop, people
from deploy.demo.visits import hold_visits
from deploy.settings import StackSettings
from feedback.words import Adapter, DatasetCard
from tests.loop.platform import RECIPE, Platform, recipe_with
from tests.tiny_model import make_tiny_model


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


@pytest.fixture(scope="session")
def recipe(tmp_path_factory) -> Path:
    """Both stages, a few seconds each on the tiny model."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="session")
def visited(platform) -> Counter[str]:
    """What a dozen simulated customers did, through the real gateway."""
    shop = load_shop()
    with platform.operator() as operator:
        return hold_visits(operator, shop, people(shop, seed=20), platform.line, lambda done, of: None)


@pytest.fixture(scope="session")
def turned(platform, recipe, visited) -> CycleState:
    """The newest cycle, after `ratchet cycle run` turned the loop once."""
    platform.ratchet("cycle", "run", "--recipe", str(recipe))
    return Cycles(platform.settings.home).newest()


@pytest.fixture(scope="session")
def dataset_dir(platform, turned) -> Path:
    return platform.settings.home / "datasets" / made(turned, "dataset", DatasetCard).dataset_hash[:16]


@pytest.fixture(scope="session")
def promoted(platform, dataset_dir, recipe) -> Adapter:
    """An adapter that an operator made live; the cycle's own may have been rejected, and then stays so."""
    adapter = platform.candidate(dataset_dir, recipe_with(recipe, seed=6))
    platform.ratchet("promote", adapter.adapter_id, "--reason", "for the tests")
    return adapter
