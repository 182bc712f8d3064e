import pytest

from deploy.base_model import base_id, prepare_base
from feedback.errors import Invalid, NotFound


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen2.5-0.5B-Instruct", "qwen2.5-0.5b-instruct"),
        ("my model__v2", "my-model-v2"),
        ("--odd--name--", "odd-name"),
    ],
)
def test_base_id_is_fit_for_an_adapter_name(name, expected):
    assert base_id(name) == expected


def test_a_name_without_letters_is_refused():
    with pytest.raises(Invalid, match="rename"):
        base_id("///")


def test_a_directory_is_hashed_once_and_anew_when_it_changes(tmp_path):
    model = tmp_path / "Tiny"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    said: list[str] = []
    first = prepare_base(str(model), tmp_path / "cache", said.append)
    again = prepare_base(str(model), tmp_path / "cache", said.append)
    assert first == again
    assert len(said) == 1
    assert first.base_id == "tiny"
    (model / "model.safetensors").write_bytes(b"other weights")
    assert prepare_base(str(model), tmp_path / "cache", said.append).base_hash != first.base_hash


def test_what_is_no_model_is_refused_with_the_setting(tmp_path):
    with pytest.raises(NotFound, match="RATCHET_BASE_MODEL"):
        prepare_base(str(tmp_path), tmp_path / "cache", print)
