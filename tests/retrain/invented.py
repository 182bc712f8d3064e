"""Invented feedback about bicycles, as a dataset on disk."""

from datetime import UTC, datetime
from pathlib import Path

from feedback.curate import Curated
from feedback.dataset import write_dataset
from feedback.words import PreferencePair, SFTExample, SplitName, Turn

PARTS = ("chain", "saddle", "brake", "lamp", "tyre", "bell", "rack", "pedal", "wheel", "lock", "gear", "spoke")
AT = datetime(2026, 3, 1, tzinfo=UTC)


def sft_example(number: int, split: SplitName = "train") -> SFTExample:
    part = PARTS[number % len(PARTS)]
    return SFTExample(
        **_evidence("sft", number, split),
        prompt=(Turn(role="user", content=f"My {part} is broken, can you help?"),),
        completion=f"Yes! We fix a {part} in {number + 1} days. Next step: bring it in.",
    )


def pair(number: int, split: SplitName = "train") -> PreferencePair:
    part = PARTS[number % len(PARTS)]
    return PreferencePair(
        **_evidence("pair", number, split),
        prompt=(
            Turn(role="system", content="You work in a bike shop."),
            Turn(role="user", content=f"What about my {part}?"),
        ),
        chosen=f"Bring the {part} in. Next step: call us.",
        rejected=f"The {part} is a thing that some bicycles have, and there are {number} kinds of it.",
        reason="comparison",
    )


def write_invented(parent: Path, sft: int = 12, pairs: int = 12, held_out: int = 4) -> Path:
    """A dataset directory with that many training examples of each kind, and so many more for validation."""
    examples = [sft_example(n) for n in range(sft)]
    choices = [pair(n) for n in range(pairs)]
    examples += [sft_example(n, "validation") for n in range(sft, sft + held_out) if sft]
    choices += [pair(n, "validation") for n in range(pairs, pairs + held_out) if pairs]
    curated = Curated(sft=tuple(examples), pairs=tuple(choices), kto=(), dropped=())
    return write_dataset(curated, "snapshot_1", "main", parent, AT)


def _evidence(kind: str, number: int, split: SplitName) -> dict[str, object]:
    return {
        "example_id": f"{kind}_{number:04d}",
        "split": split,
        "group": f"user_{split}_{number}",
        "user_id": f"user_{split}_{number}",
        "conversation_id": f"conversation_{kind}_{number}",
        "message_ids": (f"message_{kind}_{number}",),
        "feedback_ids": (f"feedback_{kind}_{number}",),
    }
