"""Candidate against incumbent, from the first question to the report: the steps of this package in their order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evalsuite.cache import CachedModel, ReplyCache
from evalsuite.comparison import refuse_same
from evalsuite.evaluate import evaluate
from evalsuite.gate import GatePolicy, deliberate, refuse_leaks
from evalsuite.heldout import heldout_from, train_groups_from
from evalsuite.model import ChatModel, Sampling
from evalsuite.policy import load_policy
from evalsuite.render import render
from evalsuite.report import EvalReport
from evalsuite.suite import Suite, load_suite
from feedback.dataset import Dataset
from feedback.words import Verdict

DEFAULT_SUITES = ("house_style", "regression")


@dataclass(frozen=True)
class Examination:
    """What both adapters are asked, how replies are drawn, and what the gate demands."""

    suites: tuple[Suite, ...] = field(default_factory=lambda: tuple(load_suite(name) for name in DEFAULT_SUITES))
    policy: GatePolicy = field(default_factory=load_policy)
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0


def judge(
    candidate: ChatModel,
    incumbent: ChatModel,
    dataset: Dataset,
    out_dir: Path,
    progress: Callable[[str], None],
    examination: Examination | None = None,
) -> tuple[Verdict, Path]:
    """The Verdict and the path of the HTML report, written into `out_dir` with `report.json` last.

    Replies are kept in `out_dir/replies.jsonl`: a repetition after a crash asks only what is missing. Raises Invalid
    instead of judging when the gate refuses to (see `evalsuite.gate.deliberate`), UpstreamFailed when a model leaves a
    question unanswered.
    """
    exam = examination or Examination()
    heldout = heldout_from(dataset.card.dataset_hash, dataset.sft, dataset.pairs, dataset.kto)
    seen = train_groups_from([*dataset.sft, *dataset.pairs, *dataset.kto])
    refuse_same(candidate.adapter_id, incumbent.adapter_id)
    refuse_leaks(heldout.groups, seen)

    def report(model: ChatModel, role: str) -> EvalReport:
        def tell(what: str, done: int, of: int) -> None:
            progress(f"{role} {model.adapter_id}: {what} {done} of {of}")

        return evaluate(CachedModel(model, cache), heldout, exam.suites, exam.sampling, tell)

    with ReplyCache(out_dir) as cache:
        reports = report(candidate, "candidate"), report(incumbent, "incumbent")
    judgement = deliberate(*reports, seen, exam.policy, exam.seed)
    return judgement.verdict, render(judgement, out_dir)
