"""The gate: two EvalReports and a policy in, a Verdict with reasons out. Pure.

The policy is a vector: every target must be proven better and every guardrail proven not worse, each on its own, so no
gain anywhere can pay for a loss elsewhere. Since all must hold at once, each may be tested at the full level without
a correction for their number (the intersection-union test: Berger, Technometrics 24, 1982).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated

from pydantic import Field

from evalsuite.comparison import Terms, compare
from evalsuite.report import Comparison, EvalReport, Finding, Judgement, Measure, signed
from feedback.errors import Invalid
from feedback.words import Decision, Verdict, Word, digest

ROUNDING = 1e-9
Bound = Annotated[float, Field(ge=0, lt=1)]
Least = Annotated[int, Field(ge=1)]


class Target(Word):
    """What must get better: the interval's lower end must be above `above`."""

    measure: str
    above: Bound = 0.0
    min_items: Least
    min_groups: Least = 1


class Guardrail(Word):
    """What must not get worse: the interval's lower end above -`margin`, and the difference at least -`max_drop`."""

    measure: str
    margin: Annotated[float, Field(gt=0, lt=1)]
    max_drop: Bound
    min_items: Least
    min_groups: Least = 1


class GatePolicy(Word):
    """`gate.toml`: what a candidate must show before it may be served."""

    name: str
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    resamples: Annotated[int, Field(ge=200, le=100_000)] = 5_000
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    guardrails: Annotated[tuple[Guardrail, ...], Field(min_length=1)]

    @property
    def policy_hash(self) -> str:
        return digest(self.model_dump_json())


def decide(
    candidate: EvalReport, incumbent: EvalReport, train_groups: Collection[str], policy: GatePolicy, seed: int
) -> Verdict:
    """The Verdict alone; see `deliberate`."""
    return deliberate(candidate, incumbent, train_groups, policy, seed).verdict


def deliberate(
    candidate: EvalReport, incumbent: EvalReport, train_groups: Collection[str], policy: GatePolicy, seed: int
) -> Judgement:
    """The Verdict with all of its evidence.

    Reject when any rule fails; needs labels when none fails and some has too little data; else promote.
    Raises Invalid, instead of judging, when a held-out group is among `train_groups`, when the reports aren't of the
    same questions, when there is nothing in them, or when the policy names a measure that they don't have.
    """
    refuse_leaks((item.group for score in candidate.suites for item in score.items), train_groups)
    comparison = compare(candidate, incumbent, _terms(policy, seed))
    findings = weigh(comparison, policy)
    verdict = Verdict(
        decision=_decision(findings),
        reasons=tuple(finding.sentence for finding in findings),
        candidate_id=candidate.adapter_id,
        incumbent_id=incumbent.adapter_id,
        policy_hash=policy.policy_hash,
        report_hash=comparison.report_hash,
    )
    return Judgement(
        comparison=comparison, findings=findings, verdict=verdict, candidate=candidate, incumbent=incumbent
    )


def refuse_leaks(tested: Iterable[str], train_groups: Collection[str]) -> None:
    """Raises Invalid, naming them, when groups that are tested on were trained on."""
    leaked = sorted(set(tested) & set(train_groups))
    if leaked:
        shown = ", ".join(leaked[:5]) + (", ..." if len(leaked) > 5 else "")
        raise Invalid(
            f"{len(leaked)} held-out groups are also in training data ({shown}): a score on them proves nothing; "
            "make the dataset anew with a split by group"
        )


def weigh(comparison: Comparison, policy: GatePolicy) -> tuple[Finding, ...]:
    """One finding for each of the policy's rules, targets first, in the policy's order."""
    if all(measure.items == 0 for measure in comparison.measures):
        raise Invalid("the reports hold no item at all: there is no held-out data; collect feedback first")
    targets = [_on_target(_measure(comparison, target.measure), target) for target in policy.targets]
    guardrails = [_on_guardrail(_measure(comparison, rail.measure), rail) for rail in policy.guardrails]
    return (*targets, *guardrails)


def _decision(findings: Sequence[Finding]) -> Decision:
    outcomes = {finding.outcome for finding in findings}
    if "fail" in outcomes:
        return Decision.REJECT
    return Decision.NEEDS_LABELS if "unknown" in outcomes else Decision.PROMOTE


def _measure(comparison: Comparison, name: str) -> Measure:
    found = comparison.measure(name)
    if found is None:
        known = ", ".join(measure.name for measure in comparison.measures)
        raise Invalid(f"the gate's policy names the measure '{name}', which the reports lack; they have {known}")
    return found


def _on_target(measure: Measure, target: Target) -> Finding:
    short = _shortage(measure, target)
    met = measure.ci_low > target.above
    verb = "better" if met else "not proven better"
    rule = f"the interval must lie above {signed(target.above)}"
    return Finding(
        measure=measure.name,
        role="target",
        outcome="unknown" if short else "pass" if met else "fail",
        sentence=short or f"{measure.name} is {verb}: {_figures(measure)}; {rule}.",
    )


def _on_guardrail(measure: Measure, rail: Guardrail) -> Finding:
    short = _shortage(measure, rail)
    dropped = measure.difference < -rail.max_drop - ROUNDING
    met = not dropped and measure.ci_low > -rail.margin
    verb = "has not got worse" if met else "has got worse" if dropped else "may have got worse"
    rule = f"it may drop by {rail.max_drop:.2f} and the interval must lie above {signed(-rail.margin)}"
    return Finding(
        measure=measure.name,
        role="guardrail",
        outcome="unknown" if short else "pass" if met else "fail",
        sentence=short or f"{measure.name} {verb}: {_figures(measure)}; {rule}.",
    )


def _shortage(measure: Measure, rule: Target | Guardrail) -> str:
    if measure.items >= rule.min_items and measure.groups >= rule.min_groups:
        return ""
    return (
        f"{measure.name} has too little data: {measure.items} items of {measure.groups} groups, and it takes "
        f"{rule.min_items} of {rule.min_groups}; label more held-out conversations."
    )


def _figures(measure: Measure) -> str:
    return (
        f"candidate {measure.candidate:.2f}, incumbent {measure.incumbent:.2f}, difference {measure.figures}, "
        f"{measure.items} items of {measure.groups} groups, "
        f"{measure.wins} won, {measure.ties} tied, {measure.losses} lost"
    )


def _terms(policy: GatePolicy, seed: int) -> Terms:
    return Terms(confidence=policy.confidence, resamples=policy.resamples, seed=seed)
