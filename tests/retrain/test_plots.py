from pathlib import Path
from typing import Any

import pytest

from retrain.plots import curve, draw_curves

RECORDS: list[dict[str, Any]] = [
    {"note": "SFT begins"},
    {"stage": "sft", "step": 0, "loss": None, "metrics": {"eval_loss": 3.0}},
    {"stage": "sft", "step": 1, "loss": 2.0, "metrics": {}},
    {"stage": "sft", "step": 2, "loss": 1.0, "metrics": {}},
    {"stage": "sft", "step": 2, "loss": None, "metrics": {"eval_loss": 1.5}},
]


@pytest.mark.parametrize(
    ("metric", "steps", "values"),
    [("loss", [1, 2], [2.0, 1.0]), ("eval_loss", [0, 2], [3.0, 1.5]), ("rewards/margins", [], [])],
)
def test_a_curve_has_a_point_where_a_record_has_a_value(metric, steps, values):
    assert curve(RECORDS, metric) == (steps, values)


@pytest.mark.parametrize("stages", [("sft",), ("dpo",), ("sft", "dpo")])
def test_the_picture_is_a_png(stages: tuple[str, ...], tmp_path: Path):
    target = tmp_path / "loss.png"
    draw_curves(dict.fromkeys(stages, RECORDS), target)
    assert target.read_bytes().startswith(b"\x89PNG")
