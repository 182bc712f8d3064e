"""A dataset's examples as the rows a trainer takes, each measured in tokens. Pure, given a way to count tokens.

An example that is too long is left out and counted: cut short, it would teach to stop in the middle of a sentence.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from feedback.words import PreferencePair, SFTExample, SplitName, Turn

Messages = list[dict[str, str]]
CountTokens = Callable[[Messages], int]  # tokens of the messages, rendered with the model's chat template


@dataclass(frozen=True)
class Rows:
    """Rows of one split, shortest first. `tokens` is what one epoch feeds to the model, without padding."""

    rows: tuple[dict[str, Any], ...]
    dropped_too_long: int
    tokens: int
    longest: int  # tokens of the longest sequence

    def __len__(self) -> int:
        return len(self.rows)

    def joined(self, more: "Rows") -> "Rows":
        """The rows of both, shortest first."""
        return Rows(
            rows=tuple(sorted((*self.rows, *more.rows), key=lambda row: row["length"])),
            dropped_too_long=self.dropped_too_long + more.dropped_too_long,
            tokens=self.tokens + more.tokens,
            longest=max(self.longest, more.longest),
        )


def sft_rows(examples: Iterable[SFTExample], split: SplitName, count: CountTokens, max_length: int) -> Rows:
    """`prompt` and `completion` as messages, and `length` in tokens."""
    chosen = sorted((e for e in examples if e.split == split), key=lambda e: e.example_id)
    return measured_rows([(_messages(e.prompt), _reply(e.completion)) for e in chosen], count, max_length)


def measured_rows(pairs: Iterable[tuple[Messages, Messages]], count: CountTokens, max_length: int) -> Rows:
    """SFT rows of prompts with their completions."""
    measured = []
    for prompt, completion in pairs:
        length = count(prompt + completion)
        measured.append((length, length, {"prompt": prompt, "completion": completion, "length": length}))
    return _keep(measured, max_length)


def pair_rows(pairs: Iterable[PreferencePair], split: SplitName, count: CountTokens, max_length: int) -> Rows:
    """`prompt`, `chosen` and `rejected` as messages, and `length` in tokens, of the longer sequence."""
    measured = []
    for pair in sorted((p for p in pairs if p.split == split), key=lambda p: p.example_id):
        prompt, chosen, rejected = _messages(pair.prompt), _reply(pair.chosen), _reply(pair.rejected)
        lengths = count(prompt + chosen), count(prompt + rejected)
        row = {"prompt": prompt, "chosen": chosen, "rejected": rejected, "length": max(lengths)}
        measured.append((max(lengths), sum(lengths), row))
    return _keep(measured, max_length)


def _keep(measured: Sequence[tuple[int, int, dict[str, Any]]], max_length: int) -> Rows:
    kept = sorted((entry for entry in measured if entry[0] <= max_length), key=lambda entry: entry[0])
    return Rows(
        rows=tuple(row for _, _, row in kept),
        dropped_too_long=len(measured) - len(kept),
        tokens=sum(tokens for _, tokens, _ in kept),
        longest=max((longest for longest, _, _ in kept), default=0),
    )


def _messages(turns: Sequence[Turn]) -> Messages:
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def _reply(text: str) -> Messages:
    return [{"role": "assistant", "content": text}]
