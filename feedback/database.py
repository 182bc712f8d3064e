"""The DuckDB file: opened by one process, read by any of its threads, written by one."""

import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from feedback.errors import Conflict, Corrupt, NotReady
from feedback.manifest import full_disk
from feedback.migrate import load_migrations, migrate

log = logging.getLogger(__name__)
CHECKPOINT_BYTES = 16 << 20
SETTINGS = {
    "threads": 2,  # single rows gain nothing from more, and vLLM and training want the cores
    # A checkpoint that runs out of disk closes the whole database, so it happens only when there is room for it.
    "checkpoint_threshold": "1TB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}


class Database:
    """An open, migrated DuckDB file. Conflict when another process has it open, Corrupt when it isn't one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changed = threading.Condition()
        self._readers = 0
        self._checkpoint_bytes = CHECKPOINT_BYTES
        self._reopening = False
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root: DuckDBPyConnection | None = _open(path)

    @contextmanager
    def reading(self) -> Iterator[DuckDBPyConnection]:
        """A cursor of its own in one transaction: everything read through it is of one moment."""
        with self._changed:
            self._changed.wait_for(lambda: not self._reopening)
            cursor = self.cursor()
            self._readers += 1
        try:
            cursor.begin()
            yield cursor
        except duckdb.FatalException as failed:
            raise NotReady(f"{self.path} is being reopened after: {failed}", retry_after_s=1) from failed
        finally:
            cursor.close()
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def cursor(self) -> DuckDBPyConnection:
        """A connection of its own to the same database."""
        if self._root is None:
            raise NotReady(f"{self.path} is closed: either the program is stopping or its disk failed")
        return self._root.cursor()

    def reopen(self) -> None:
        """The file is open anew, as it was after the last commit. Waits until everybody has stopped reading."""
        with self._changed:
            self._reopening = True
            self._changed.wait_for(lambda: self._readers == 0)
            try:
                self._close_root()
                self._root = _open(self.path)
            finally:
                self._reopening = False
                self._changed.notify_all()

    def checkpoint_is_due(self) -> bool:
        """The write-ahead log is long enough to be folded into the file, and there is room to do it."""
        log_bytes = self._log_bytes()
        return log_bytes >= self._checkpoint_bytes and shutil.disk_usage(self.path.parent).free >= 3 * log_bytes

    def checkpoint_ended(self, done: bool) -> None:
        """After a failure the next one isn't due before the log has grown by as much again."""
        self._checkpoint_bytes = CHECKPOINT_BYTES if done else self._log_bytes() + CHECKPOINT_BYTES

    def _log_bytes(self) -> int:
        try:
            return self.path.with_name(f"{self.path.name}.wal").stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        """The log is folded into the file if there is room, and the file is free for others."""
        with self._changed:
            self._changed.wait_for(lambda: self._readers == 0)
            self._close_root()

    def _close_root(self) -> None:
        if self._root is not None:
            self._root.close()
        self._root = None


def _open(path: Path) -> DuckDBPyConnection:
    try:
        root = duckdb.connect(path, config=SETTINGS)
    except duckdb.Error as failed:
        if "Could not set lock" in str(failed):
            raise Conflict(f"{path} is open in another process, stop that one first: {failed}") from failed
        if full := full_disk(failed):
            raise full from failed
        raise Corrupt(f"{path} can't be opened as the store: {failed}; restore it from a backup") from failed
    try:
        for name in migrate(root, load_migrations(), datetime.now(UTC)):
            log.info("applied migration %s to %s", name, path)
    except BaseException:
        root.close()
        raise
    return root
