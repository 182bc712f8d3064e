"""Rehearsal against forgetting: the base model's own replies to general prompts, mixed into SFT.

A few dozen corrections in one style teach that style everywhere, far outside the line they came from. Imitating itself
on other prompts holds the policy to what the base did there; nobody has to supply general data (self-synthesised
rehearsal: Huang et al. 2024, arXiv:2403.01244; here the prompts are given and only the replies are the model's own).
"""

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from feedback.manifest import read_json, write_json
from feedback.words import Word
from retrain.rows import CountTokens, Messages, Rows, measured_rows

PROMPTS_FILE = Path(__file__).parent / "rehearsal.toml"
RECORD_NAME = "rehearsal.json"
REPLY_TOKENS = 96
Reply = Callable[[Sequence[Messages], int], list[str | None]]  # None: not finished within so many tokens


class Rehearsed(Word):
    prompt: str
    reply: str


class Rehearsal(Word):
    """What a run rehearses: kept in its directory, so that a resumed run rehearses the same. `unfinished` replies were
    longer than 96 tokens and left out: cut short, they would teach to stop in the middle of a sentence."""

    items: tuple[Rehearsed, ...]
    unfinished: int


def prompts(wanted: int) -> list[str]:
    """So many of the prompts, spread evenly over all kinds of them; all when there are fewer."""
    known: list[str] = tomllib.loads(PROMPTS_FILE.read_text())["prompts"]
    count = min(wanted, len(known))
    return [known[number * len(known) // count] for number in range(count)]


def rehearse(run_dir: Path, wanted: int, reply: Reply) -> Rehearsal:
    """The run's rehearsal, made by `reply` the first time and read afterwards."""
    run_dir.mkdir(parents=True, exist_ok=True)
    record = run_dir / RECORD_NAME
    if record.exists():
        return read_json(record, Rehearsal)
    asked = prompts(wanted)
    replies = reply([[{"role": "user", "content": prompt}] for prompt in asked], REPLY_TOKENS)
    items = [Rehearsed(prompt=p, reply=r) for p, r in zip(asked, replies, strict=True) if r]
    made = Rehearsal(items=tuple(items), unfinished=len(asked) - len(items))
    write_json(record, made)
    return made


def rehearsal_rows(rehearsal: Rehearsal, count: CountTokens, max_length: int) -> Rows:
    """The rehearsed replies as SFT rows."""
    pairs = [
        ([{"role": "user", "content": item.prompt}], [{"role": "assistant", "content": item.reply}])
        for item in rehearsal.items
    ]
    return measured_rows(pairs, count, max_length)
