"""The store at one moment, as Parquet that anybody may read: a directory whose manifest is written last."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from feedback.errors import Conflict, Corrupt, Invalid
from feedback.manifest import (
    full_disk,
    publish,
    read_json,
    sha256_file,
    sync,
    unfinished_sibling,
    verify_files,
    write_json,
)
from feedback.rows import CONVERSATIONS, FEEDBACK, MESSAGES, Table
from feedback.words import Conversation, Feedback, Message, Word

MANIFEST_NAME = "manifest.json"
# No keys and no links: a snapshot holds no secrets.
TABLES: tuple[Table[Any], ...] = (CONVERSATIONS, MESSAGES, FEEDBACK)


class SnapshotManifest(Word):
    """What a snapshot holds. The hashes cover every file but this one."""

    snapshot_id: str
    created_at: datetime
    tables: dict[str, int]  # table -> rows
    files: dict[str, str]  # file name -> sha256


class Snapshot(Word):
    """Everything that curation reads: conversations with their messages, and every feedback event."""

    manifest: SnapshotManifest
    conversations: tuple[Conversation, ...]
    feedback: tuple[Feedback, ...]


def write_snapshot(connection: DuckDBPyConnection, snapshot_dir: Path, at: datetime) -> SnapshotManifest:
    """The directory holds what the connection's transaction sees, or isn't there. Its name is the snapshot's id.

    Conflict when it exists already, StorageFull when the disk is full.
    """
    if snapshot_dir.exists():
        raise Conflict(f"there is a snapshot {snapshot_dir} already; give this one another id")
    if not snapshot_dir.name or snapshot_dir.name.startswith("."):
        raise Invalid(f"'{snapshot_dir.name}' is no snapshot id")
    temporary = unfinished_sibling(snapshot_dir)
    try:
        rows = {table.name: _write_table(connection, table, temporary / f"{table.name}.parquet") for table in TABLES}
        files = {path.name: sha256_file(path) for path in sorted(temporary.iterdir())}
        manifest = SnapshotManifest(snapshot_id=snapshot_dir.name, created_at=at, tables=rows, files=files)
        write_json(temporary / MANIFEST_NAME, manifest)
        publish(temporary, snapshot_dir)
    except (OSError, duckdb.Error) as failed:
        if full := full_disk(failed):
            raise full from failed
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return manifest


def read_snapshot(snapshot_dir: Path) -> Snapshot:
    """The snapshot, after checking every file against the manifest. NotFound without a manifest, else Corrupt."""
    manifest = read_json(snapshot_dir / MANIFEST_NAME, SnapshotManifest)
    names = {f"{table.name}.parquet" for table in TABLES}
    if set(manifest.files) != names:
        raise Corrupt(f"{snapshot_dir} lists {sorted(manifest.files)}, a snapshot has {sorted(names)}; make a new one")
    verify_files(snapshot_dir, manifest.files)
    with duckdb.connect() as connection:
        conversations = _read_table(connection, CONVERSATIONS, snapshot_dir)
        messages = _read_table(connection, MESSAGES, snapshot_dir)
        feedback = _read_table(connection, FEEDBACK, snapshot_dir)
    found = {"conversations": len(conversations), "messages": len(messages), "feedback": len(feedback)}
    if found != manifest.tables:
        raise Corrupt(f"{snapshot_dir} has {found} rows, its manifest says {manifest.tables}; make a new snapshot")
    return Snapshot(manifest=manifest, conversations=_with_messages(conversations, messages), feedback=tuple(feedback))


def _write_table(connection: DuckDBPyConnection, table: Table[Any], path: Path) -> int:
    target = str(path).replace("'", "''")
    chosen = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {table.key}"  # noqa: S608 our own names
    copied = connection.execute(f"COPY ({chosen}) TO '{target}' (FORMAT parquet)").fetchone()
    sync(path)
    return int(copied[0]) if copied else 0


def _read_table(connection: DuckDBPyConnection, table: Table[Any], snapshot_dir: Path) -> list[Any]:
    path = str(snapshot_dir / f"{table.name}.parquet")
    chosen = f"SELECT {', '.join(table.columns)} FROM read_parquet(?) ORDER BY {table.key}"  # noqa: S608 our own names
    return table.words(connection.execute(chosen, [path]).fetchall())


def _with_messages(conversations: list[Conversation], messages: list[Message]) -> tuple[Conversation, ...]:
    of: dict[str, list[Message]] = {conversation.conversation_id: [] for conversation in conversations}
    for message in sorted(messages, key=lambda message: (message.created_at, message.message_id)):
        of[message.conversation_id].append(message)
    return tuple(one.model_copy(update={"messages": tuple(of[one.conversation_id])}) for one in conversations)
