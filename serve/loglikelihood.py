"""The log-probability of a completion under an adapter, from the prompt log-probabilities that vLLM gives.

The completion is sent as the assistant's turn, so vLLM's chat template frames it as it frames a reply. Its tokens begin
where the prompt's end, and the sum goes to the end, which includes the end of turn.
"""

from collections.abc import Sequence
from typing import Any

from feedback.errors import Invalid, UpstreamFailed
from feedback.words import Turn
from serve.replica import Replica


async def score(replica: Replica, adapter_id: str, prompt: Sequence[Turn], completion: str) -> tuple[float, int]:
    """The sum over the completion's tokens, and how many they are."""
    start = await replica.tokens(adapter_id, prompt)
    turns = [*prompt, Turn(role="assistant", content=completion)]
    body = {
        "model": adapter_id,
        "messages": [turn.model_dump() for turn in turns],
        "add_generation_prompt": False,
        "max_tokens": 1,
        "temperature": 0,
        "prompt_logprobs": 0,
    }
    answer = await replica.complete(body)
    return added_up(answer.get("prompt_logprobs"), start)


def added_up(entries: Any, start: Sequence[int]) -> tuple[float, int]:
    """The sum of log-probabilities after the prompt's tokens. `entries` has one `{token_id: {logprob}}` for each token,
    null for the first. Invalid when the chat template writes the prompt differently once it is answered."""
    try:
        if not isinstance(entries, list) or any(len(entry) != 1 for entry in entries[1:]):
            raise UpstreamFailed("vLLM gave no prompt log-probabilities; its version is unknown here")
        seen = [int(next(iter(entry))) for entry in entries[1:]]
        logprobs = [float(next(iter(entry.values()))["logprob"]) for entry in entries[len(start) :]]
    except (KeyError, TypeError, ValueError, StopIteration) as wrong:
        raise UpstreamFailed(f"vLLM's prompt log-probabilities have an unknown form ({wrong!r})") from wrong
    if seen[: len(start) - 1] != list(start)[1:]:
        raise Invalid("the chat template rewrites the prompt when an answer follows; its tokens can't be told apart")
    if not logprobs:
        raise Invalid("the completion has no tokens; send one with text")
    return sum(logprobs), len(logprobs)
