"""What an evaluation found, as immutable values: one Adapter's EvalReport, and the Comparison of two.

Scores lie between 0 and 1 and more is better. Counts are part of the result: what was asked, answered and scored must
agree, or there is no report.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from evalsuite.model import Sampling
from feedback.words import Hash, Turn, Verdict, Word, digest

SuiteKind = Literal["preferences", "taste", "instructions"]
Share = Annotated[float, Field(ge=0, le=1)]
PREFERENCE = "preference"  # the suite made of the held-out PreferencePairs


def signed(value: float) -> str:
    """Two decimals with a sign, the minus a real one, which no line is broken after."""
    return f"{value:+.2f}".replace("-", "−")


class ItemScore(Word):
    """One item's score. `group`: what isn't independent of each other (a held-out user's items)."""

    item_id: str
    group: str
    score: Share
    topic: str = ""
    prompt: tuple[Turn, ...] = ()
    reply: str = ""
    lost: tuple[str, ...] = ()  # what the rules not fully met had asked for
    margin: float | None = None  # preferences: log p(chosen) - log p(rejected), in nats
    margin_per_token: float | None = None  # the same with each logarithm divided by its number of tokens


class SuiteScore(Word):
    """One suite's scores. There are as many items as questions were asked, each with an id of its own."""

    suite: str
    title: str
    kind: SuiteKind
    version_hash: Hash
    tie_margin: Share = 0.0
    asked: Annotated[int, Field(ge=0)]
    answered: Annotated[int, Field(ge=0)]
    items: tuple[ItemScore, ...]

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        scored = len({item.item_id for item in self.items})
        if not self.asked == self.answered == len(self.items) == scored:
            raise ValueError(
                f"suite '{self.suite}': asked {self.asked}, answered {self.answered}, scored {scored} of "
                f"{len(self.items)} items: these must agree"
            )
        return self

    @property
    def mean(self) -> float:
        return sum(item.score for item in self.items) / len(self.items) if self.items else 0.0


class EvalReport(Word):
    """One Adapter's scores on named suite versions and on one Dataset's held-out part."""

    adapter_id: str
    dataset_hash: Hash
    sampling: Sampling
    suites: Annotated[tuple[SuiteScore, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _suites_have_names_of_their_own(self) -> Self:
        names = [score.suite for score in self.suites]
        if len(set(names)) < len(names):
            raise ValueError(f"each suite needs a name of its own, got {', '.join(names)}")
        return self

    def suite(self, name: str) -> SuiteScore:
        return next(score for score in self.suites if score.suite == name)

    @property
    def report_hash(self) -> str:
        return digest(self.model_dump_json())


class Measure(Word):
    """A paired comparison: `difference` is candidate minus incumbent, its interval is clustered by group."""

    name: str
    title: str
    suite: str
    candidate: float
    incumbent: float
    difference: float
    ci_low: float
    ci_high: float
    items: int
    groups: int
    wins: int
    ties: int
    losses: int
    sign_test_p: float

    @property
    def figures(self) -> str:
        """The difference and its interval, as every page and sentence shows them."""
        return f"{signed(self.difference)} [{signed(self.ci_low)}, {signed(self.ci_high)}]"


class Comparison(Word):
    """Every measure of candidate against incumbent, with what is needed to compute it again."""

    candidate_id: str
    incumbent_id: str
    dataset_hash: Hash
    suite_versions: dict[str, Hash]
    candidate_report_hash: Hash
    incumbent_report_hash: Hash
    confidence: float
    resamples: int
    seed: int
    measures: tuple[Measure, ...]

    @property
    def report_hash(self) -> str:
        """Covers both EvalReports through their hashes: this is what a Verdict and a Promotion name."""
        return digest(self.model_dump_json())

    def measure(self, name: str) -> Measure | None:
        return next((measure for measure in self.measures if measure.name == name), None)


class Finding(Word):
    """What the gate found on one of its rules: `unknown` means too little data to say."""

    measure: str
    role: Literal["target", "guardrail"]
    outcome: Literal["pass", "fail", "unknown"]
    sentence: str


class Judgement(Word):
    """All of an evaluation's evidence and its outcome: what `report.json` holds."""

    comparison: Comparison
    findings: tuple[Finding, ...]
    verdict: Verdict
    candidate: EvalReport
    incumbent: EvalReport
