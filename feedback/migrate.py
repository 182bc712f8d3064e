"""The store's tables, brought up to date by numbered SQL files that are applied once each and never changed."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from feedback.errors import Conflict, Corrupt
from feedback.words import digest

MIGRATIONS_DIR = Path(__file__).parent / "migrations"
FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
LEDGER = """CREATE TABLE IF NOT EXISTS schema_migrations (
    number INTEGER PRIMARY KEY, name VARCHAR NOT NULL, checksum VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL
)"""


class Migration(NamedTuple):
    """One numbered step, as it was released."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return digest(self.sql)


def load_migrations(directory: Path = MIGRATIONS_DIR) -> tuple[Migration, ...]:
    """The directory's SQL files in order. Corrupt when they aren't numbered 0001, 0002 and so on without a gap."""
    found: list[Migration] = []
    for path in sorted(directory.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise Corrupt(f"{path} should be number {len(found) + 1:04d} and be called NNNN_name.sql; rename it")
        found.append(Migration(int(match[1]), path.name, path.read_text()))
    return tuple(found)


def migrate(connection: DuckDBPyConnection, migrations: Sequence[Migration], at: datetime) -> list[str]:
    """The names of the steps applied now, each in a transaction of its own with its entry in the ledger.

    Corrupt when a step that was applied has since been changed or removed; Conflict when the database was made by a
    newer program. Nothing is applied then.
    """
    connection.execute(LEDGER)
    applied = connection.execute("SELECT number, name, checksum FROM schema_migrations ORDER BY number").fetchall()
    known = {migration.number: migration for migration in migrations}
    for number, name, checksum in applied:
        if number > max(known, default=0):
            raise Conflict(f"the database has migration {name}, which this program doesn't know; run the newer program")
        if number not in known or known[number].name != name:
            raise Corrupt(f"migration {name} was applied and its file is missing; put the file back as it was")
        if known[number].checksum != checksum:
            raise Corrupt(f"migration {name} was changed after it was applied; restore it and add a new one instead")
    waiting = [migration for migration in migrations if migration.number > len(applied)]
    for migration in waiting:
        _apply(connection, migration, at)
    return [migration.name for migration in waiting]


def _apply(connection: DuckDBPyConnection, migration: Migration, at: datetime) -> None:
    connection.begin()
    try:
        connection.execute(migration.sql)
        entry = [migration.number, migration.name, migration.checksum, at.replace(tzinfo=None)]
        connection.execute("INSERT INTO schema_migrations VALUES (?, ?, ?, ?)", entry)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
