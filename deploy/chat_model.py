"""An adapter behind the gateway, as the evaluation sees a model."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from deploy.gateway import Gateway
from evalsuite.model import LogLikelihood, Sampling
from feedback.words import Turn

STREAMS = 16
In = TypeVar("In")
Out = TypeVar("Out")


class GatewayModel:
    """Replies and log-likelihoods of one named adapter, through the operator's routes; nothing is stored."""

    def __init__(self, gateway: Gateway, adapter_id: str, streams: int = STREAMS) -> None:
        self.gateway = gateway
        self.adapter_id = adapter_id
        self.streams = streams

    def replies(self, prompts: Sequence[tuple[Turn, ...]], sampling: Sampling) -> list[str]:
        def answer(prompt: tuple[Turn, ...]) -> str:
            body = {
                "model": self.adapter_id,
                "messages": [turn.model_dump() for turn in prompt],
                "temperature": sampling.temperature,
                "max_tokens": sampling.max_tokens,
                "seed": sampling.seed,
                "store": False,
            }
            return str(self.gateway.chat(body).json()["choices"][0]["message"]["content"])

        return self._each(answer, prompts)

    def log_likelihoods(self, pairs: Sequence[tuple[tuple[Turn, ...], str]]) -> list[LogLikelihood]:
        def score(pair: tuple[tuple[Turn, ...], str]) -> LogLikelihood:
            logprob, tokens = self.gateway.log_likelihood(self.adapter_id, *pair)
            return LogLikelihood(logprob=logprob, tokens=tokens)

        return self._each(score, pairs)

    def _each(self, ask: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
        with ThreadPoolExecutor(self.streams) as pool:
            return list(pool.map(ask, items))
