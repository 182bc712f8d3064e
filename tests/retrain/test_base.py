import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback.errors import Invalid
from feedback.words import BaseModelRef
from retrain.base import lora_parameters, read_base


def test_the_shape_is_read_from_the_files(base: BaseModelRef):
    shape = read_base(Path(base.path))
    assert (shape.hidden, shape.layers, shape.feed_forward) == (128, 2, 256)
    assert len(shape.matrices) == 2 * 7
    tables = 2 * shape.vocabulary * shape.hidden
    norms = (2 * shape.layers + 1) * shape.hidden
    assert shape.parameters == tables + norms + sum(rows * columns for _, rows, columns in shape.matrices)


def test_an_adapter_has_two_thin_matrices_for_each_layer_it_adapts(base: BaseModelRef):
    shape = read_base(Path(base.path))
    assert lora_parameters(shape, 4, ("q_proj",)) == 4 * 2 * (128 + 128)
    assert lora_parameters(shape, 4, "all-linear") == 4 * sum(rows + columns for _, rows, columns in shape.matrices)


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def broken(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


def lacking_hidden_size(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["hidden_size"]
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (without("config.json"), "cannot read .*config.json"),
        (without("model.safetensors"), "no .*safetensors file"),
        (without("tokenizer_config.json"), "cannot read .*tokenizer_config.json"),
        (without("chat_template.jinja"), "no chat template"),
        (broken("config.json", b"{"), "config.json is no JSON"),
        (broken("model.safetensors", b"\x00"), "is no safetensors file"),
        (broken("model.safetensors", b"\xff" * 64), "is no safetensors file"),
        (lacking_hidden_size, "has no 'hidden_size'"),
    ],
)
def test_a_folder_that_is_no_chat_model_is_refused(
    damage: Callable[[Path], None], says: str, base: BaseModelRef, tmp_path: Path
):
    folder = tmp_path / "damaged"
    shutil.copytree(base.path, folder)
    damage(folder)
    with pytest.raises(Invalid, match=says):
        read_base(folder)


def test_no_folder_at_all(tmp_path: Path):
    with pytest.raises(Invalid, match="cannot read"):
        read_base(tmp_path / "nothing")
