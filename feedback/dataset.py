"""Curated examples as a directory that is named by its content and never changes."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import ValidationError

from feedback.curate import Curated
from feedback.errors import Corrupt
from feedback.manifest import publish, read_json, sha256_file, unfinished_sibling, verify_files, write_bytes, write_json
from feedback.words import (
    DatasetCard,
    Evidence,
    KTOExample,
    PreferencePair,
    SFTExample,
    SplitName,
    Word,
    digest,
)

E = TypeVar("E", bound=Evidence)
CARD_NAME = "dataset.json"
KINDS = ("sft", "pairs", "kto")
HASH_LENGTH = 16


class Dataset(Word):
    """A dataset's card and its examples, all splits together."""

    card: DatasetCard
    sft: tuple[SFTExample, ...]
    pairs: tuple[PreferencePair, ...]
    kto: tuple[KTOExample, ...]


def write_dataset(curated: Curated, snapshot_id: str, line: str, parent: Path, at: datetime) -> Path:
    """`<parent>/<dataset_hash>`, with one JSON object a line in sft.jsonl, pairs.jsonl and kto.jsonl.

    The hash covers the examples and the line. The same content again is the same directory, left as it was first made.
    """
    contents = {f"{kind}.jsonl": _jsonl(getattr(curated, kind)) for kind in KINDS}
    dataset_hash = _dataset_hash(line, contents)
    final = parent / dataset_hash
    if (final / CARD_NAME).exists():
        return final
    temporary = unfinished_sibling(final)
    try:
        for name, content in contents.items():
            write_bytes(temporary / name, content)
        card = DatasetCard(
            dataset_hash=dataset_hash,
            snapshot_id=snapshot_id,
            created_at=at,
            line=line,
            counts={kind: _split_counts(getattr(curated, kind)) for kind in KINDS},
            drops=curated.drops,
            files={name: sha256_file(temporary / name) for name in contents},
        )
        write_json(temporary / CARD_NAME, card)
        publish(temporary, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def read_dataset(dataset_dir: Path) -> Dataset:
    """The dataset, every byte of it checked. NotFound without a card, Corrupt when it isn't what the card says."""
    card = read_json(dataset_dir / CARD_NAME, DatasetCard)
    names = {f"{kind}.jsonl" for kind in KINDS}
    if set(card.files) != names:
        raise Corrupt(f"{dataset_dir} lists {sorted(card.files)}, a dataset has {sorted(names)}; curate again")
    verify_files(dataset_dir, card.files)
    contents = {name: (dataset_dir / name).read_bytes() for name in sorted(names)}
    found = _dataset_hash(card.line, contents)
    if found != card.dataset_hash:
        raise Corrupt(f"{dataset_dir} has the hash {found}, its card says {card.dataset_hash}; curate again")
    return Dataset(
        card=card,
        sft=_parsed(dataset_dir / "sft.jsonl", contents["sft.jsonl"], SFTExample),
        pairs=_parsed(dataset_dir / "pairs.jsonl", contents["pairs.jsonl"], PreferencePair),
        kto=_parsed(dataset_dir / "kto.jsonl", contents["kto.jsonl"], KTOExample),
    )


def _dataset_hash(line: str, contents: Mapping[str, bytes]) -> str:
    parts = [part for name in sorted(contents) for part in (name, contents[name])]
    return digest(line, *parts)[:HASH_LENGTH]


def _split_counts(examples: Sequence[Evidence]) -> dict[str, int]:
    counts = Counter(example.split for example in examples)
    return {split: counts[split] for split in get_args(SplitName)}


def _jsonl(examples: Sequence[Evidence]) -> bytes:
    return b"".join(example.model_dump_json().encode() + b"\n" for example in examples)


def _parsed(path: Path, content: bytes, kind: type[E]) -> tuple[E, ...]:
    try:
        # Not splitlines(): a text may hold other line ends than the newline, which JSON leaves as they are.
        return tuple(kind.model_validate_json(line) for line in content.split(b"\n") if line)
    except ValidationError as wrong:
        raise Corrupt(f"{path} holds something that is no {kind.__name__}: {wrong}; curate again") from wrong
