"""An acknowledged write is there whatever happens next; a failed one harms nobody else's."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from feedback.database import Database
from feedback.errors import Conflict, NotReady, StorageFull
from feedback.store import Store
from feedback.writer import Writer

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "ratchet.duckdb")
    opened.cursor().execute("CREATE TABLE notes (note INTEGER PRIMARY KEY)")
    yield opened
    opened.close()


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    started = Writer(database, capacity=500)
    yield started
    started.close()


def insert(note: int) -> Callable[[Any], int]:
    def write(connection: Any) -> int:
        connection.execute("INSERT INTO notes VALUES (?)", [note])
        return note

    return write


def fail(_: Any) -> int:
    raise LookupError("no such thing")


class Pause:
    """A write that holds the writer until it is let go, so that whatever is queued meanwhile makes one group."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, _: Any) -> None:
        self.started.set()
        assert self.go_on.wait(30)


def notes(database: Database) -> list[int]:
    with database.reading() as connection:
        return [row[0] for row in connection.execute("SELECT note FROM notes ORDER BY note").fetchall()]


def queued(writer: Writer, writes: list[Callable[[Any], Any]]) -> list[Any]:
    pause = Pause()
    writer.submit(pause)
    assert pause.started.wait(30)
    futures = [writer.submit(write) for write in writes]
    assert writer.waiting == len(writes)
    pause.go_on.set()
    return futures


def transaction(connection: Any) -> int:
    return int(connection.execute("SELECT txid_current()").fetchone()[0])


def test_what_waits_together_is_committed_together(database: Database, writer: Writer) -> None:
    futures = queued(writer, [transaction] * 20)
    assert len({future.result() for future in futures}) == 1


def test_only_the_culprits_of_a_group_fail(database: Database, writer: Writer) -> None:
    futures = queued(writer, [insert(1), fail, insert(2), insert(1), insert(3)])
    outcomes = [type(future.exception()).__name__ for future in futures]
    assert outcomes == ["NoneType", "LookupError", "NoneType", "ConstraintException", "NoneType"]
    assert notes(database) == [1, 2, 3]


def test_a_write_that_fails_half_way_leaves_nothing(database: Database, writer: Writer) -> None:
    def half(connection: Any) -> None:
        insert(7)(connection)
        insert(7)(connection)

    with pytest.raises(duckdb.ConstraintException):
        writer.submit(half).result()
    assert notes(database) == []
    assert writer.submit(insert(7)).result() == 7


def test_a_write_is_seen_only_once_it_is_acknowledged(database: Database, writer: Writer) -> None:
    pause = Pause()

    def write(connection: Any) -> None:
        insert(1)(connection)
        pause(connection)

    future = writer.submit(write)
    assert pause.started.wait(30)
    assert notes(database) == []
    pause.go_on.set()
    future.result()
    assert notes(database) == [1]


def test_a_read_sees_one_moment(database: Database, writer: Writer) -> None:
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
        writer.submit(insert(1)).result()
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    assert notes(database) == [1]


def test_a_full_queue_refuses_and_loses_nothing(database: Database, writer: Writer) -> None:
    futures = queued(writer, [insert(note) for note in range(500)])
    assert [future.result() for future in futures] == list(range(500))
    pause = Pause()
    writer.submit(pause)
    assert pause.started.wait(30)
    waiting = [writer.submit(insert(note)) for note in range(500, 1000)]
    over = writer.submit(insert(1000))
    assert isinstance(over.exception(), NotReady)
    pause.go_on.set()
    assert [future.result() for future in waiting] == list(range(500, 1000))
    assert notes(database) == list(range(1000))


def test_a_queued_write_can_not_be_cancelled(database: Database, writer: Writer) -> None:
    (future,) = queued(writer, [insert(1)])
    assert not future.cancel()
    assert future.result() == 1


def test_closing_writes_what_is_queued_and_takes_nothing_more(database: Database) -> None:
    writer = Writer(database)
    futures = [writer.submit(insert(note)) for note in range(300)]
    writer.close()
    writer.close()
    assert all(future.done() for future in futures)
    assert notes(database) == list(range(300))
    assert isinstance(writer.submit(insert(300)).exception(), NotReady)


def test_many_threads_write_and_read(database: Database, writer: Writer) -> None:
    def work(first: int) -> None:
        for note in range(first, first + 20):
            writer.submit(insert(note)).result()
            assert note in notes(database)

    threads = [threading.Thread(target=work, args=(100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notes(database)) == 80


def test_the_database_can_be_reopened_under_a_reader(database: Database, writer: Writer) -> None:
    writer.submit(insert(1)).result()
    reader_is_in, reader_may_go = threading.Event(), threading.Event()

    def read() -> None:
        with database.reading():
            reader_is_in.set()
            assert reader_may_go.wait(30)

    reader = threading.Thread(target=read)
    reader.start()
    assert reader_is_in.wait(30)
    reopening = threading.Thread(target=database.reopen)
    reopening.start()
    reader_may_go.set()
    reader.join()
    reopening.join()
    assert notes(database) == [1]


def run(*arguments: str, **more: Any) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment, text=True, **more)


def test_every_acknowledged_write_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "ratchet.duckdb"
    acknowledged: list[str] = []
    for prefix in ("first", "second"):
        program = run(str(HERE / "crash_writer.py"), str(path), prefix, stdout=subprocess.PIPE)
        acknowledged += [program.stdout.readline().strip() for _ in range(50)]
        program.send_signal(signal.SIGKILL)
        acknowledged += program.stdout.read().split("\n")[:-1]
        assert program.wait() == -signal.SIGKILL
    store = Store(path)
    for name in acknowledged:
        conversation = store.conversation(name)
        assert conversation is not None, name
        assert [message.message_id for message in conversation.messages] == [f"{name}_q", f"{name}_a"]
        assert [event.feedback_id for event in store.feedback_about(f"{name}_a")] == [f"{name}_f"]
    counts = store.counts()
    assert counts["messages"] == 2 * counts["conversations"] >= 2 * len(acknowledged)
    store.close()


def test_a_file_that_another_process_has_is_refused_and_says_who(tmp_path: Path) -> None:
    path = tmp_path / "ratchet.duckdb"
    program = run(str(HERE / "crash_writer.py"), str(path), "x", stdout=subprocess.PIPE)
    try:
        assert program.stdout.readline().strip() == "x0"
        with pytest.raises(Conflict, match=rf"ratchet\.duckdb .*PID {program.pid}"):
            Store(path)
    finally:
        program.kill()
        program.communicate()


@pytest.mark.parametrize(
    ("how", "refused", "messages", "said"),
    [("commit", ["large"], 4, ""), ("checkpoint", [], 10, "reopening the store after a failed checkpoint")],
)
def test_a_full_disk_refuses_what_does_not_fit_and_loses_nothing(
    tmp_path: Path, how: str, refused: list[str], messages: int, said: str
) -> None:
    path = tmp_path / "ratchet.duckdb"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    program = run(str(HERE / "full_disk_writer.py"), str(path), how, **pipes)
    output, errors = program.communicate(timeout=120)
    assert program.returncode == 0, errors
    assert said in errors
    found = json.loads(output)
    assert {name: each for name, each in found["became"].items() if each != "stored"} == dict.fromkeys(
        refused, StorageFull.__name__
    )
    store = Store(path)
    assert store.counts()["messages"] == found["messages"] == messages
    store.close()
