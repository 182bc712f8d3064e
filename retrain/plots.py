"""The run's curves as one picture: what each stage's loss did, and for DPO how well it tells chosen from rejected."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

TRAIN, VALIDATION = "#4464ad", "#d1603d"
Records = Sequence[Mapping[str, Any]]


class Panel(NamedTuple):
    """One pair of axes: a metric of one stage, on the training batches and on the validation split."""

    stage: str
    metric: str
    title: str
    unit: str


PANELS = (
    Panel("sft", "loss", "SFT loss", "nats per completion token"),
    Panel("dpo", "loss", "DPO loss", "nats per pair"),
    Panel("dpo", "rewards/accuracies", "DPO: chosen preferred to rejected", "share of pairs"),
    Panel("dpo", "rewards/margins", "DPO: reward margin", "chosen - rejected"),
)


def curve(records: Records, metric: str) -> tuple[list[int], list[float]]:
    """Steps and values of the metric, where a record has it. `loss` is a record's own field."""
    found = [(r["step"], r["loss"] if metric == "loss" else r["metrics"].get(metric)) for r in records if "step" in r]
    points = [(step, value) for step, value in found if value is not None]
    return [step for step, _ in points], [value for _, value in points]


def draw_curves(histories: Mapping[str, Records], target: Path) -> None:
    """A PNG with a panel for each metric of the stages that ran. `histories` is stage -> its progress records."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [panel for panel in PANELS if panel.stage in histories]
    columns = 1 if len(panels) == 1 else 2
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(6 * columns, 3.6 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    for place, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(lines, columns, place)
        records = histories[panel.stage]
        axes.plot(*curve(records, panel.metric), color=TRAIN, linewidth=1.4, label="training batches")
        steps, values = curve(records, f"eval_{panel.metric}")
        if steps:
            axes.plot(steps, values, "o-", color=VALIDATION, linewidth=1.8, label="validation split")
        axes.set(title=panel.title, xlabel="step", ylabel=panel.unit)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(target, dpi=120)
