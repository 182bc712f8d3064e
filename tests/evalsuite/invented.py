"""Invented chat models and datasets for these tests: small, deterministic, of our own words."""

from collections.abc import Sequence
from typing import Literal

from evalsuite.heldout import HeldOut, heldout_from
from evalsuite.model import LogLikelihood, Prompt, Sampling
from evalsuite.report import EvalReport, ItemScore, SuiteScore
from feedback.words import KTOExample, PreferencePair, SFTExample, SplitName, Turn

DATASET_HASH = "d" * 64
SHORT = "Thanks for asking, a fresh tube fixes that! Would you like to bring the bike in today?"
LONG = " ".join(
    ["There are many reasons why a tyre may lose its air over a longer time and each has its own remedy."] * 6
)


class ScriptedModel:
    """A model with one reply to everything, which finds replies likelier the shorter they are, or the longer."""

    def __init__(self, adapter_id: str, reply: str, likes: Literal["short", "long"]) -> None:
        self.adapter_id = adapter_id
        self.asked = 0
        self._reply = reply
        self._sign = -1.0 if likes == "short" else 1.0

    def replies(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[str]:
        self.asked += len(prompts)
        return [self._reply for _ in prompts]

    def log_likelihoods(self, pairs: Sequence[tuple[Prompt, str]]) -> list[LogLikelihood]:
        self.asked += len(pairs)
        return [self._likelihood(completion) for _, completion in pairs]

    def _likelihood(self, completion: str) -> LogLikelihood:
        tokens = len(completion.split()) + 1
        return LogLikelihood(logprob=tokens * (-2.0 + self._sign * tokens / 1000), tokens=tokens)


def good_model() -> ScriptedModel:
    return ScriptedModel("tiny--main-v0002-abcdef01", SHORT, likes="short")


def plain_model() -> ScriptedModel:
    return ScriptedModel("tiny", LONG, likes="long")


def prompt(text: str) -> Prompt:
    return (Turn(role="user", content=text),)


def pair(number: int, user: str, split: SplitName = "test") -> PreferencePair:
    return PreferencePair(
        example_id=f"pair-{number:03d}",
        split=split,
        group=user,
        user_id=user,
        conversation_id=f"conversation-{number}",
        message_ids=(f"message-{number}",),
        feedback_ids=(f"feedback-{number}",),
        prompt=prompt(f"Question {number}: my tyre is flat, what now?"),
        chosen=SHORT,
        rejected=LONG,
        reason="correction",
    )


def pairs(users: int, each: int) -> list[PreferencePair]:
    numbered = enumerate(f"user-{user:02d}" for user in range(users) for _ in range(each))
    return [pair(number, user) for number, user in numbered]


def heldout(users: int = 6, each: int = 4) -> HeldOut:
    return heldout_from(DATASET_HASH, [], pairs(users, each), [])


def sft(example_id: str, group: str, text: str, split: SplitName = "test") -> SFTExample:
    shared = pair(0, group, split).model_dump(include={"user_id", "conversation_id", "message_ids", "feedback_ids"})
    return SFTExample(**shared, example_id=example_id, split=split, group=group, prompt=prompt(text), completion="Yes.")


def kto(example_id: str, group: str, text: str, split: SplitName = "test") -> KTOExample:
    shared = sft(example_id, group, text, split).model_dump()
    return KTOExample(**shared, desirable=False)


def suite_score(suite: str, scores: dict[str, float], groups: dict[str, str] | None = None) -> SuiteScore:
    """A suite of instructions with these scores; each item a group of its own unless told otherwise."""
    items = [
        ItemScore(item_id=item_id, group=(groups or {}).get(item_id, item_id), score=score)
        for item_id, score in scores.items()
    ]
    return SuiteScore(
        suite=suite,
        title=suite,
        kind="instructions",
        version_hash="a" * 16,
        asked=len(items),
        answered=len(items),
        items=tuple(items),
    )


def report(adapter_id: str, *suites: SuiteScore, dataset_hash: str = DATASET_HASH) -> EvalReport:
    return EvalReport(adapter_id=adapter_id, dataset_hash=dataset_hash, sampling=Sampling(), suites=suites)
