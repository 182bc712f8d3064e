"""What models have answered already, on disk, so that an evaluation that was cut short doesn't ask again.

Keyed by adapter, question and sampling. Adapter names are never reused, so an entry never goes stale.
The file holds people's prompts only as hashes, but replies as text: it belongs to the cycle's directory.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from evalsuite.model import ChatModel, LogLikelihood, Prompt, Sampling, refuse_gap
from feedback.errors import Corrupt, StorageFull
from feedback.words import Word, digest

CACHE_NAME = "replies.jsonl"


class Entry(Word):
    key: str
    reply: str | None = None
    likelihood: LogLikelihood | None = None


class ReplyCache:
    """An append-only JSONL file; each append is on the disk when it returns. One process at a time writes it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / CACHE_NAME
        self._entries: dict[str, Entry] = {}
        self._size_bytes = self._load()
        self._file = self._path.open("ab", buffering=0)
        self._file.truncate(self._size_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def add(self, entries: Sequence[Entry]) -> None:
        """Remembers the entries, durably. StorageFull when the disk is full."""
        lines = b"".join(entry.model_dump_json(exclude_none=True).encode() + b"\n" for entry in entries)
        try:
            if self._file.write(lines) < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(self._size_bytes)
            raise StorageFull(f"cannot write {self._path}: {error}; make room, then resume the evaluation") from error
        self._size_bytes += len(lines)
        self._entries.update((entry.key, entry) for entry in entries)

    def _load(self) -> int:
        """The size of what is whole; what follows is a line in the middle of which a writer was killed."""
        content = self._path.read_bytes() if self._path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                entry = Entry.model_validate_json(line)
            except ValidationError as error:
                raise Corrupt(f"{self._path}, line {number} is no cache entry; delete the file: {error}") from error
            self._entries[entry.key] = entry
        return len(whole)


class CachedModel:
    """A ChatModel that asks another one only what the cache doesn't hold."""

    def __init__(self, model: ChatModel, cache: ReplyCache) -> None:
        self._model = model
        self._cache = cache

    @property
    def adapter_id(self) -> str:
        return self._model.adapter_id

    def replies(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[str]:
        keys = [self._key("reply", prompt, sampling.model_dump_json()) for prompt in prompts]
        missing = self._missing(keys)
        if missing:
            found = self._model.replies([prompts[index] for index in missing], sampling)
            refuse_gap(self.adapter_id, "replies", len(missing), len(found))
            self._cache.add([Entry(key=keys[i], reply=reply) for i, reply in zip(missing, found, strict=True)])
        known = (self._cache.get(key) for key in keys)
        return [entry.reply for entry in known if entry is not None and entry.reply is not None]

    def log_likelihoods(self, pairs: Sequence[tuple[Prompt, str]]) -> list[LogLikelihood]:
        keys = [self._key("likelihood", prompt, completion) for prompt, completion in pairs]
        missing = self._missing(keys)
        if missing:
            found = self._model.log_likelihoods([pairs[index] for index in missing])
            refuse_gap(self.adapter_id, "likelihoods", len(missing), len(found))
            self._cache.add([Entry(key=keys[i], likelihood=one) for i, one in zip(missing, found, strict=True)])
        known = (self._cache.get(key) for key in keys)
        return [entry.likelihood for entry in known if entry is not None and entry.likelihood is not None]

    def _missing(self, keys: Sequence[str]) -> list[int]:
        first = {key: index for index, key in reversed(list(enumerate(keys)))}
        return sorted(index for key, index in first.items() if self._cache.get(key) is None)

    def _key(self, kind: str, prompt: Prompt, rest: str) -> str:
        turns = (part for turn in prompt for part in (turn.role, turn.content))
        return digest(kind, self.adapter_id, rest, *turns)
