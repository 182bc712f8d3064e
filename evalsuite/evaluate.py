"""One Adapter's EvalReport: it answers held-out prompts and instructions, and tells how likely it finds held-out pairs.

Every question that is asked must be answered and scored, else there is no report: UpstreamFailed says what is missing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from evalsuite.heldout import HeldOut
from evalsuite.model import ChatModel, LogLikelihood, Prompt, Sampling, refuse_gap
from evalsuite.report import PREFERENCE, EvalReport, ItemScore, SuiteScore
from evalsuite.rules import Rule
from evalsuite.scorers import margin, margin_per_token, score_reply
from evalsuite.suite import Suite
from feedback.words import PreferencePair, Word, digest

BATCH = 32  # questions handed over at once; what is answered is cached after each batch
PREFERENCE_VERSION = digest("preference", "score: per-token margin above 0; shift: growth of the summed margin")

Progress = Callable[[str, int, int], None]  # what is being done, how many are done, of how many
Item = TypeVar("Item")


class Question(Word):
    item_id: str
    group: str
    topic: str = ""
    prompt: Prompt
    rules: tuple[Rule, ...]


def evaluate(
    model: ChatModel, heldout: HeldOut, suites: Sequence[Suite], sampling: Sampling, progress: Progress
) -> EvalReport:
    """Scores on the held-out pairs (suite 'preference') and on each of the suites, in this order."""
    scores = [_preference(model, heldout.pairs, progress)]
    scores += [_suite(model, suite, _questions(suite, heldout), sampling, progress) for suite in suites]
    return EvalReport(
        adapter_id=model.adapter_id, dataset_hash=heldout.dataset_hash, sampling=sampling, suites=tuple(scores)
    )


def _preference(model: ChatModel, pairs: Sequence[PreferencePair], progress: Progress) -> SuiteScore:
    items: list[ItemScore] = []
    for batch in _batches(pairs, BATCH // 2):
        asked = [(pair.prompt, reply) for pair in batch for reply in (pair.chosen, pair.rejected)]
        found = model.log_likelihoods(asked)
        refuse_gap(model.adapter_id, "likelihoods", len(asked), len(found))
        items += [_pair_score(*row) for row in zip(batch, found[::2], found[1::2], strict=True)]
        progress(PREFERENCE, len(items), len(pairs))
    return SuiteScore(
        suite=PREFERENCE,
        title="Preferences",
        kind="preferences",
        version_hash=PREFERENCE_VERSION,
        asked=len(pairs),
        answered=len(items),
        items=tuple(items),
    )


def _pair_score(pair: PreferencePair, chosen: LogLikelihood, rejected: LogLikelihood) -> ItemScore:
    per_token = margin_per_token(chosen, rejected)
    return ItemScore(
        item_id=pair.example_id,
        group=pair.group,
        score=float(per_token > 0),
        topic=pair.reason,
        margin=margin(chosen, rejected),
        margin_per_token=per_token,
    )


def _questions(suite: Suite, heldout: HeldOut) -> list[Question]:
    if suite.kind == "taste":
        return [
            Question(item_id=one.item_id, group=one.group, prompt=one.prompt, rules=suite.rules)
            for one in heldout.prompts
        ]
    return [
        Question(
            item_id=item.id, group=f"{suite.name}/{item.id}", topic=item.topic, prompt=item.turns, rules=item.rules
        )
        for item in suite.items
    ]


def _suite(
    model: ChatModel, suite: Suite, questions: Sequence[Question], sampling: Sampling, progress: Progress
) -> SuiteScore:
    if suite.max_tokens is not None:
        sampling = sampling.model_copy(update={"max_tokens": suite.max_tokens})
    items: list[ItemScore] = []
    for batch in _batches(questions, BATCH):
        replies = model.replies([question.prompt for question in batch], sampling)
        refuse_gap(model.adapter_id, f"replies of suite '{suite.name}'", len(batch), len(replies))
        items += [_reply_score(question, reply) for question, reply in zip(batch, replies, strict=True)]
        progress(suite.name, len(items), len(questions))
    return SuiteScore(
        suite=suite.name,
        title=suite.title,
        kind=suite.kind,
        version_hash=suite.version_hash,
        tie_margin=suite.tie_margin,
        asked=len(questions),
        answered=len(items),
        items=tuple(items),
    )


def _reply_score(question: Question, reply: str) -> ItemScore:
    scored = score_reply(reply, question.rules)
    return ItemScore(
        item_id=question.item_id,
        group=question.group,
        score=scored.score,
        topic=question.topic,
        prompt=question.prompt,
        reply=reply,
        lost=scored.lost,
    )


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
