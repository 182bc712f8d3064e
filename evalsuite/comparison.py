"""From two EvalReports to paired measures with intervals. Pure: the same reports and seed give the same bytes."""

from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from evalsuite.report import Comparison, EvalReport, ItemScore, Measure, SuiteScore
from evalsuite.scorers import contest
from evalsuite.statistics import clustered_interval, sign_test, tally
from feedback.errors import Invalid
from feedback.words import Word

ORDER = {"taste": 0, "preferences": 1, "instructions": 2}
NOISE_NATS = 0.01  # a margin that grew by less is a tie: batching alone moves sums of logarithms a little


class Terms(Word):
    """How intervals are computed."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    resamples: Annotated[int, Field(ge=200, le=100_000)] = 5_000
    seed: int = 0


class Paired(NamedTuple):
    """One item's score under the candidate and under the incumbent."""

    ours: float
    theirs: float
    group: str


def compare(candidate: EvalReport, incumbent: EvalReport, terms: Terms) -> Comparison:
    """Each suite's measures, the line's taste first. Invalid when the two reports don't answer the same questions."""
    refuse_unless_alike(candidate, incumbent)
    measures: list[Measure] = []
    for ours in sorted(candidate.suites, key=lambda score: ORDER[score.kind]):
        measures += _measures(ours, incumbent.suite(ours.suite), terms)
    return Comparison(
        candidate_id=candidate.adapter_id,
        incumbent_id=incumbent.adapter_id,
        dataset_hash=candidate.dataset_hash,
        suite_versions={score.suite: score.version_hash for score in candidate.suites},
        candidate_report_hash=candidate.report_hash,
        incumbent_report_hash=incumbent.report_hash,
        confidence=terms.confidence,
        resamples=terms.resamples,
        seed=terms.seed,
        measures=tuple(measures),
    )


def refuse_unless_alike(candidate: EvalReport, incumbent: EvalReport) -> None:
    """Raises Invalid unless the reports are of two adapters and of the same dataset, sampling, suites and items."""
    refuse_same(candidate.adapter_id, incumbent.adapter_id)
    if candidate.dataset_hash != incumbent.dataset_hash:
        raise Invalid(
            f"the reports are of different datasets ({candidate.dataset_hash[:16]} and {incumbent.dataset_hash[:16]}): "
            "evaluate both adapters on the same held-out part"
        )
    if candidate.sampling != incumbent.sampling:
        raise Invalid(f"replies were drawn differently ({candidate.sampling} and {incumbent.sampling}): evaluate again")
    versions = [{score.suite: score.version_hash for score in report.suites} for report in (candidate, incumbent)]
    if versions[0] != versions[1]:
        changed = sorted(name for name in versions[0].keys() | versions[1].keys() if _differ(name, versions))
        raise Invalid(f"suites differ between the two reports: {', '.join(changed)}; evaluate both adapters again")
    for ours in candidate.suites:
        if _questions(ours) != _questions(incumbent.suite(ours.suite)):
            raise Invalid(f"the two reports hold different items of suite '{ours.suite}'; evaluate both adapters again")


def refuse_same(candidate_id: str, incumbent_id: str) -> None:
    if candidate_id == incumbent_id:
        raise Invalid(f"candidate and incumbent are both '{candidate_id}': there is nothing to compare")


def _questions(score: SuiteScore) -> set[tuple[str, str]]:
    return {(item.item_id, item.group) for item in score.items}


def _differ(name: str, versions: Sequence[dict[str, str]]) -> bool:
    return versions[0].get(name) != versions[1].get(name)


def _measures(ours: SuiteScore, theirs: SuiteScore, terms: Terms) -> list[Measure]:
    pairs = list(zip(_by_id(ours.items), _by_id(theirs.items), strict=True))
    scores = [Paired(mine.score, other.score, mine.group) for mine, other in pairs]
    if ours.kind == "instructions":
        return [_measure(ours, ("", "share met"), scores, terms)]
    if ours.kind == "taste":
        duels = [Paired(*contest(a, b, ours.tie_margin), group) for a, b, group in scores]
        return [
            _measure(ours, ("_win_rate", "prompts won"), duels, terms),
            _measure(ours, ("", "mean score"), scores, terms),
        ]
    growth = [
        Paired(*contest(mine.margin or 0.0, other.margin or 0.0, NOISE_NATS), mine.group) for mine, other in pairs
    ]
    return [
        _measure(ours, ("_shift", "pairs moved to the chosen"), growth, terms),
        _measure(ours, ("_accuracy", "chosen reply likelier"), scores, terms),
    ]


def _by_id(items: Iterable[ItemScore]) -> list[ItemScore]:
    return sorted(items, key=lambda item: item.item_id)


def _measure(suite: SuiteScore, naming: tuple[str, str], pairs: Sequence[Paired], terms: Terms) -> Measure:
    suffix, title = naming
    differences = [pair.ours - pair.theirs for pair in pairs]
    groups = [pair.group for pair in pairs]
    rng = np.random.default_rng(terms.seed)
    interval = clustered_interval(differences, groups, terms.confidence, terms.resamples, rng)
    wins, ties, losses = tally(differences)
    return Measure(
        name=suite.suite + suffix,
        title=f"{suite.title}: {title}",
        suite=suite.suite,
        candidate=_mean([pair.ours for pair in pairs]),
        incumbent=_mean([pair.theirs for pair in pairs]),
        difference=_mean(differences),
        ci_low=interval.low,
        ci_high=interval.high,
        items=len(pairs),
        groups=len(set(groups)),
        wins=wins,
        ties=ties,
        losses=losses,
        sign_test_p=sign_test(wins, losses),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
