"""The part of a Dataset that training never sees, as questions for a model. Pure."""

from collections.abc import Iterable, Sequence

from evalsuite.model import Prompt
from feedback.words import Evidence, Hash, KTOExample, PreferencePair, SFTExample, Turn, Word, digest


class HeldOutPrompt(Word):
    """One prompt of the test split, however many examples share it."""

    item_id: str
    group: str
    prompt: tuple[Turn, ...]


class HeldOut(Word):
    """The test split's pairs and its unique prompts, both in the order of their ids."""

    dataset_hash: Hash
    pairs: tuple[PreferencePair, ...]
    prompts: tuple[HeldOutPrompt, ...]
    examples: int  # of all kinds in the test split; they share `prompts`

    @property
    def groups(self) -> frozenset[str]:
        return frozenset(pair.group for pair in self.pairs) | frozenset(one.group for one in self.prompts)


def heldout_from(
    dataset_hash: str, sft: Sequence[SFTExample], pairs: Sequence[PreferencePair], kto: Sequence[KTOExample]
) -> HeldOut:
    """The test split of a Dataset's examples, the other splits left out; the order of the examples is irrelevant."""
    examples: list[SFTExample | PreferencePair | KTOExample] = [*sft, *pairs, *kto]
    tested = [example for example in examples if example.split == "test"]
    prompts: dict[str, HeldOutPrompt] = {}
    for example in sorted(tested, key=lambda example: (example.group, example.example_id)):
        item_id = prompt_id(example.prompt)
        prompts.setdefault(item_id, HeldOutPrompt(item_id=item_id, group=example.group, prompt=example.prompt))
    return HeldOut(
        dataset_hash=dataset_hash,
        pairs=tuple(sorted((pair for pair in pairs if pair.split == "test"), key=lambda pair: pair.example_id)),
        prompts=tuple(prompts[item_id] for item_id in sorted(prompts)),
        examples=len(tested),
    )


def train_groups_from(examples: Iterable[Evidence]) -> frozenset[str]:
    """The groups that training has seen: those of the train split, and of validation, which may stop it early."""
    return frozenset(example.group for example in examples if example.split != "test")


def prompt_id(prompt: Prompt) -> str:
    return "prompt-" + digest(*(part for turn in prompt for part in (turn.role, turn.content)))[:16]
