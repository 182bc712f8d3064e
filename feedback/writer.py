"""One thread that writes, many writes in each durable commit."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

import duckdb
from duckdb import DuckDBPyConnection

from feedback.database import Database
from feedback.errors import NotReady, RatchetError
from feedback.manifest import full_disk

T = TypeVar("T")
log = logging.getLogger(__name__)
CAPACITY = 4096
GROUP = 256


class Job(NamedTuple):
    """A write that waits, and the future of whoever waits for it."""

    write: Callable[[DuckDBPyConnection], Any]
    future: Future[Any]


class Writer:
    """Carries writes out in the order they came, each wholly or not at all.

    What is queued by the time a commit ends goes into the next one: that is one flush to disk for all of them, and no
    wait when there is only one.
    """

    def __init__(self, database: Database, capacity: int = CAPACITY) -> None:
        self._database = database
        self._capacity = capacity
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._connection: DuckDBPyConnection | None = database.cursor()
        self._thread = threading.Thread(target=self._run, name="ratchet-store-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many writes are queued."""
        return self._queue.qsize()

    def submit(self, write: Callable[[DuckDBPyConnection], T]) -> Future[T]:
        """A future that has the write's result once it is durable, or the error that it alone caused.

        The write may run twice, in two transactions of which one commits, so it must do nothing but SQL. It can't be
        cancelled: whoever stops waiting doesn't stop it. NotReady when the queue is full or the store is closed.
        """
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._closed:
                future.set_exception(NotReady("the store is closed: the program is stopping"))
            elif self._queue.qsize() >= self._capacity:
                future.set_exception(NotReady(f"the store is {self._capacity} writes behind; try again", 1))
            else:
                self._queue.put(Job(write, future))
        return future

    def close(self) -> None:
        """Everything queued is written and the thread has ended."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        closing = False
        while not closing:
            group, closing = self._take()
            if group:
                self._carry_out(group)
                self._checkpoint_when_due()
        self._drop_connection()

    def _take(self) -> tuple[list[Job], bool]:
        """What is queued now, at least one thing; and whether the writer was told to close."""
        group: list[Job] = []
        job = self._queue.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP or self._queue.empty():
                return group, False
            job = self._queue.get()
        return group, True

    def _carry_out(self, group: Sequence[Job]) -> None:
        try:
            results = self._commit(group)
        except Exception as failed:  # noqa: BLE001 it belongs to whoever waits on the future, whatever it is
            if isinstance(failed, duckdb.FatalException):
                self._drop_connection()
            if len(group) == 1:
                group[0].future.set_exception(_told(failed))
                return
            for job in group:
                self._carry_out([job])
            return
        for job, result in zip(group, results, strict=True):
            job.future.set_result(result)

    def _commit(self, group: Sequence[Job]) -> list[Any]:
        connection = self._open_connection()
        connection.begin()
        try:
            results = [job.write(connection) for job in group]
            connection.commit()
        except BaseException:
            _roll_back(connection)
            raise
        return results

    def _open_connection(self) -> DuckDBPyConnection:
        if self._connection is None:
            self._database.reopen()
            self._connection = self._database.cursor()
        return self._connection

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _checkpoint_when_due(self) -> None:
        if self._connection is None or not self._database.checkpoint_is_due():
            return
        try:
            self._connection.execute("CHECKPOINT")
            self._database.checkpoint_ended(done=True)
        except duckdb.FatalException as failed:
            log.error("reopening the store after a failed checkpoint, nothing is lost: %s", failed)
            self._database.checkpoint_ended(done=False)
            self._drop_connection()
            self._reopen_now()
        except duckdb.Error as failed:
            log.warning("the store's log could not be folded in now and will be later: %s", failed)
            self._database.checkpoint_ended(done=False)

    def _reopen_now(self) -> None:
        try:
            self._open_connection()
        except (RatchetError, OSError, duckdb.Error) as failed:
            log.error("the store can't be reopened yet and the next write will try again: %s", failed)


def _roll_back(connection: DuckDBPyConnection) -> None:
    try:
        connection.rollback()
    except (duckdb.TransactionException, duckdb.FatalException):
        return  # a commit that failed has ended its transaction already


def _told(failed: Exception) -> Exception:
    told: Exception | None = full_disk(failed)
    if told is None and isinstance(failed, duckdb.FatalException):
        told = NotReady(f"the store had to be reopened: {failed}; look whether this write is there, then try again", 1)
    if told is None:
        return failed
    told.__cause__ = failed
    return told
