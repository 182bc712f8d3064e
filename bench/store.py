"""Durable feedback through the store, against DuckDB's own single-row commits on the same disk."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from feedback.ids import new_id
from feedback.store import Store
from feedback.words import Conversation, Feedback, FeedbackKind, Message

ITEMS = 600
WRITERS = (1, 8, 32)


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        limit = ITEMS / commit_rows(Path(folder) / "raw.duckdb")
        print(f"{'DuckDB, one row a commit, one thread':42} {limit:8.0f}/s   1.00")
        for writers in WRITERS:
            found = ITEMS / give_feedback(Path(folder) / f"store-{writers}.duckdb", writers)
            name = f"store, acknowledged feedback, {writers} writers"
            print(f"{name:42} {found:8.0f}/s   {found / limit:.2f}")


def commit_rows(path: Path) -> float:
    connection = duckdb.connect(str(path))
    connection.execute("CREATE TABLE feedback (id VARCHAR PRIMARY KEY, message_id VARCHAR, thumb VARCHAR)")
    started = time.perf_counter()
    for number in range(ITEMS):
        connection.execute("INSERT INTO feedback VALUES (?, 'm', 'up')", [str(number)])
    taken = time.perf_counter() - started
    connection.close()
    return taken


def give_feedback(path: Path, writers: int) -> float:
    store = Store(path)
    now = datetime.now(UTC)
    conversation = Conversation(conversation_id=new_id("conv", now), user_id="ann", created_at=now)
    asked, reply = (
        Message(
            message_id=new_id("msg", now),
            conversation_id=conversation.conversation_id,
            role=role,
            content="text",
            created_at=now,
        )
        for role in ("user", "assistant")
    )
    reply = reply.model_copy(update={"parent_id": asked.message_id, "adapter_id": "tiny"})
    store.add_exchange(conversation, [asked, reply]).result()

    def give(_: int) -> None:
        judged = Feedback(
            feedback_id=new_id("fb", now),
            kind=FeedbackKind.THUMB,
            message_id=reply.message_id,
            user_id="ann",
            created_at=now,
            thumb="up",
        )
        store.add_feedback(judged).result()

    started = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(give, range(ITEMS)))
    taken = time.perf_counter() - started
    store.close()
    return taken
