"""One tiny base, one invented dataset and one whole run, shared by the tests that only look at them."""

import io
from pathlib import Path

import pytest

from feedback.words import BaseModelRef, RunManifest
from retrain.recipe import DPOStage, Lora, Recipe, SFTStage
from retrain.run import TrainingJob, train
from tests.retrain.invented import write_invented
from tests.tiny_model import make_tiny_model

RECIPE = Recipe(
    seed=3,
    threads=1,  # the tiny model gains nothing from more, and tests run beside other things
    lora=Lora(rank=4, alpha=8),
    stages=(
        SFTStage(stage="sft", epochs=2, lr=2e-3, batch_size=4),
        DPOStage(stage="dpo", epochs=8, lr=1e-3, batch_size=4, max_length=120),
    ),
)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return RECIPE


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModelRef:
    path = make_tiny_model(tmp_path_factory.mktemp("base") / "tiny")
    return BaseModelRef(base_id="tiny", base_hash="0123456789abcdef", path=str(path))


@pytest.fixture(scope="session")
def dataset_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_invented(tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="session")
def job(base: BaseModelRef, dataset_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    """Not to be trained by a test: `finished` has done that."""
    return TrainingJob(dataset_dir, base, RECIPE, tmp_path_factory.mktemp("runs"), "run_whole")


@pytest.fixture(scope="session")
def finished(job: TrainingJob) -> tuple[RunManifest, str]:
    """The manifest of one uninterrupted run, and what it said."""
    out = io.StringIO()
    return train(job, out), out.getvalue()
