"""A program whose files may not grow past a limit: how the store meets a full disk, without filling one.

`python tests/feedback/full_disk_writer.py DATABASE commit|checkpoint` prints what became of each write as one JSON
object. A file at its size limit fails with EFBIG where a full disk fails with ENOSPC, in the same calls.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from feedback.database import CHECKPOINT_BYTES
from feedback.store import Store
from tests.feedback.example import conversation, message


def files_may_grow_to(size_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


def store_message(store: Store, name: str, size: int) -> Future[None]:
    return store.add_exchange(conversation(), [message(name, "user", content=os.urandom(size // 2).hex())])


def became(future: Future[None]) -> str:
    failed = future.exception()
    return "stored" if failed is None else type(failed).__name__


def fail_in_commit(store: Store, path: Path) -> dict[str, str]:
    """The log has room for the small writes and not for the large one that is queued with them."""
    store_message(store, "before", 10).result()
    log_bytes = path.with_name(f"{path.name}.wal").stat().st_size
    files_may_grow_to(log_bytes + 50_000)
    queued = [store_message(store, name, size) for name, size in (("small", 10), ("large", 200_000), ("last", 10))]
    found = {name: became(future) for name, future in zip(("small", "large", "last"), queued, strict=True)}
    files_may_grow_to(resource.RLIM_INFINITY)
    return found | {"with_room": became(store_message(store, "with_room", 200_000))}


def fail_in_checkpoint(store: Store, path: Path) -> dict[str, str]:
    """The log is due to be folded into the file, which can't take it: DuckDB then closes the whole database."""
    quarter = CHECKPOINT_BYTES // 4
    for name in ("a", "b", "c", "d"):
        store_message(store, name, quarter).result()  # then the log was folded in, and the file holds all four
    found = {name: became(store_message(store, name, quarter)) for name in ("first", "second", "third")}
    files_may_grow_to(path.stat().st_size + quarter)
    found |= {
        name: became(store_message(store, name, size)) for name, size in (("fourth", quarter), ("while_full", 10))
    }
    files_may_grow_to(resource.RLIM_INFINITY)
    return found | {"with_room": became(store_message(store, "with_room", 10))}


def main(path: Path, how: str) -> None:
    scenes: dict[str, Callable[[Store, Path], dict[str, str]]] = {
        "commit": fail_in_commit,
        "checkpoint": fail_in_checkpoint,
    }
    store = Store(path)
    found = scenes[how](store, path)
    sys.stdout.write(json.dumps({"became": found, "messages": store.counts()["messages"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
