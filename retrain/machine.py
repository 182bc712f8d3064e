"""Whether this machine can hold the training, estimated before anything large is loaded."""

import os
import shutil
from pathlib import Path

import psutil

from feedback.errors import MachineTooSmall
from feedback.words import Word
from retrain.base import BaseShape

GIB = 2**30
LIBRARIES_BYTES = int(0.7 * GIB)  # what the process holds once torch, transformers and TRL are imported
DISK_MARGIN_BYTES = 64 * 2**20
ADAM_COPIES = 4  # weight, gradient and Adam's two moments, in float32
FLOAT_BYTES = 4


class BatchShape(Word):
    """The largest batch of a stage: sequences (two for each pair) of the longest row's tokens."""

    sequences: int
    longest: int


def peak_bytes(shape: BaseShape, lora_parameters: int, weight_bytes: int, batches: tuple[BatchShape, ...]) -> int:
    """An upper estimate of resident memory in the largest batch: libraries, weights, adapter with Adam's state,
    activations kept for the backward pass, and logits with their gradient if every token were a completion's.

    Without gradient checkpointing a decoder layer keeps about 12 vectors of the hidden size and 5 of the feed-forward
    size for each token, and attention's mask and statistics are small beside them.
    """
    kept_per_token = shape.layers * (12 * shape.hidden + 5 * shape.feed_forward)
    logits_per_token = 2 * shape.vocabulary
    tokens = max((batch.sequences * batch.longest for batch in batches), default=0)
    return (
        LIBRARIES_BYTES
        + shape.parameters * weight_bytes
        + lora_parameters * FLOAT_BYTES * ADAM_COPIES
        + tokens * (kept_per_token + logits_per_token) * FLOAT_BYTES
    )


def require_memory(needed_bytes: int, available_bytes: int) -> None:
    """MachineTooSmall, with both numbers, when the estimate is over what is available."""
    if needed_bytes > available_bytes:
        raise MachineTooSmall(
            f"training needs about {needed_bytes / GIB:.1f} GiB of memory and {available_bytes / GIB:.1f} GiB are "
            "available: lower batch_size (and raise accumulation) or max_length in the recipe, or stop other programs"
        )


def require_disk(needed_bytes: int, folder: Path) -> None:
    """MachineTooSmall, with both numbers, when the file system of `folder` has less free."""
    free = shutil.disk_usage(folder).free
    if needed_bytes + DISK_MARGIN_BYTES > free:
        raise MachineTooSmall(
            f"{folder} needs {(needed_bytes + DISK_MARGIN_BYTES) / 2**20:.0f} MiB for adapters and has "
            f"{free / 2**20:.0f} MiB free: free some or move the home directory"
        )


def available_memory_bytes() -> int:
    return int(psutil.virtual_memory().available)


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0))
