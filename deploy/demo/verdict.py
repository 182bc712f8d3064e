"""What the held-out customers think: their own taste on the replies of both adapters. Pure but for the picture."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploy.demo.people import taste
from evalsuite.report import Judgement, Measure, SuiteScore
from evalsuite.statistics import Interval, clustered_interval

CONFIDENCE, RESAMPLES, SEED = 0.95, 5_000, 0
SIDE_BY_SIDE = 3


@dataclass(frozen=True)
class HeldOutTaste:
    """Mean taste (0 to 1) of held-out customers before and after, and the difference with its 95% interval."""

    before: float
    after: float
    difference: float
    ci_low: float
    ci_high: float
    prompts: int
    customers: int


@dataclass(frozen=True)
class Sample:
    """One held-out prompt and both replies to it."""

    prompt: str
    before: str
    after: str
    taste_before: float
    taste_after: float


def taste_suite(judgement: Judgement, side: str) -> SuiteScore:
    report = judgement.candidate if side == "after" else judgement.incumbent
    return next(score for score in report.suites if score.kind == "taste")


def samples(judgement: Judgement) -> list[Sample]:
    """Every held-out prompt with both adapters' fresh replies, in the suite's order."""
    after = {item.item_id: item for item in taste_suite(judgement, "after").items}
    return [
        Sample(
            prompt=item.prompt[-1].content,
            before=item.reply,
            after=after[item.item_id].reply,
            taste_before=taste(item.reply),
            taste_after=taste(after[item.item_id].reply),
        )
        for item in taste_suite(judgement, "before").items
    ]


def held_out_taste(judgement: Judgement) -> HeldOutTaste:
    """The customers' taste, which no suite and no trainer has seen, with the same clustered interval as the gate's."""
    groups = [item.group for item in taste_suite(judgement, "before").items]
    found = samples(judgement)
    differences = [sample.taste_after - sample.taste_before for sample in found]
    interval: Interval = clustered_interval(differences, groups, CONFIDENCE, RESAMPLES, np.random.default_rng(SEED))
    return HeldOutTaste(
        before=float(np.mean([sample.taste_before for sample in found])),
        after=float(np.mean([sample.taste_after for sample in found])),
        difference=float(np.mean(differences)),
        ci_low=interval.low,
        ci_high=interval.high,
        prompts=len(found),
        customers=len(set(groups)),
    )


def to_json(measure: Measure) -> dict[str, Any]:
    kept = ("incumbent", "candidate", "difference", "ci_low", "ci_high", "items")
    return {name: round(value, 4) for name, value in measure.model_dump(include=set(kept)).items()}


def rounded(found: HeldOutTaste) -> dict[str, Any]:
    return {name: round(value, 4) for name, value in asdict(found).items()}


def draw(judgement: Judgement, path: Path) -> None:
    """A picture of the held-out taste before and after: every prompt a row from the old score to the new."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = sorted(samples(judgement), key=lambda sample: (sample.taste_after, sample.taste_before))
    total = held_out_taste(judgement)
    figure, axes = pyplot.subplots(figsize=(8, 0.26 * len(found) + 2.2), layout="constrained")
    rows = range(len(found))
    axes.hlines(rows, [s.taste_before for s in found], [s.taste_after for s in found], color="#c5cbd3", linewidth=2)
    axes.scatter([s.taste_before for s in found], rows, color="#8a929c", s=34, zorder=3, label="base model")
    axes.scatter([s.taste_after for s in found], rows, color="#0b7a75", s=34, zorder=3, label="candidate")
    axes.axvline(total.before, color="#8a929c", linestyle=":", linewidth=1.5)
    axes.axvline(total.after, color="#0b7a75", linestyle=":", linewidth=1.5)
    axes.set_yticks(list(rows), [shortened(sample.prompt) for sample in found], fontsize=7)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("how much a held-out customer likes the reply (0 to 1)")
    axes.set_title(
        f"Held-out taste {total.before:.2f} to {total.after:.2f}: {total.difference:+.2f}, "
        f"95% interval {total.ci_low:+.2f} to {total.ci_high:+.2f}\n"
        f"{total.prompts} prompts of {total.customers} customers that training never saw",
        loc="left",
        fontsize=10,
    )
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=140)
    pyplot.close(figure)


def shortened(text: str, longest: int = 58) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
