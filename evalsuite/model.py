"""What evaluation needs from a chat model. No HTTP here: whoever composes the processes brings an implementation."""

from collections.abc import Sequence
from typing import Annotated, Protocol

from pydantic import Field

from feedback.errors import UpstreamFailed
from feedback.words import Turn, Word

Prompt = tuple[Turn, ...]


class Sampling(Word):
    """How replies are drawn. Temperature 0 is greedy decoding; the seed matters above it."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 96
    seed: int = 0


class LogLikelihood(Word):
    """`logprob`: natural logarithm, summed over a completion's `tokens`, its end of turn included."""

    logprob: Annotated[float, Field(le=0.0, allow_inf_nan=False)]
    tokens: Annotated[int, Field(ge=1)]

    @property
    def per_token(self) -> float:
        return self.logprob / self.tokens


class ChatModel(Protocol):
    """One Adapter (or the base), asked in batches. Answers come in the order of the questions, one for each."""

    @property
    def adapter_id(self) -> str: ...

    def replies(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[str]: ...

    def log_likelihoods(self, pairs: Sequence[tuple[Prompt, str]]) -> list[LogLikelihood]: ...


def refuse_gap(adapter_id: str, what: str, asked: int, answered: int) -> None:
    """Raises UpstreamFailed unless there is an answer to every question."""
    if asked != answered:
        raise UpstreamFailed(
            f"'{adapter_id}' was asked for {asked} {what} and gave {answered}; see vLLM's log, then resume"
        )
