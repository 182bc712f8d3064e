"""Migrations: each step applies to what the ones before it made, once, and never changes afterwards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from feedback.errors import Conflict, Corrupt
from feedback.migrate import MIGRATIONS_DIR, Migration, load_migrations, migrate
from feedback.rows import ADAPTERS, API_KEYS, CONVERSATIONS, FEEDBACK, LINKS, MESSAGES, PROMOTIONS, Table
from tests.feedback.example import START

RELEASED = load_migrations()
MADE = {
    "0001_conversations.sql": {"conversations", "messages", "feedback"},
    "0002_access.sql": {"api_keys", "links"},
    "0003_adapters.sql": {"adapters", "promotions"},
}


@pytest.fixture
def db() -> Iterator[Any]:
    with duckdb.connect() as connection:
        yield connection


def tables(db: Any) -> set[str]:
    return {row[0] for row in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()} - {"schema_migrations"}


@pytest.mark.parametrize("number", range(1, len(RELEASED) + 1))
def test_each_step_makes_its_tables_after_the_ones_before(db: Any, number: int) -> None:
    migrate(db, RELEASED[: number - 1], START)
    before = tables(db)
    assert migrate(db, RELEASED[:number], START) == [RELEASED[number - 1].name]
    assert tables(db) - before == MADE[RELEASED[number - 1].name]


def test_a_second_run_applies_nothing(db: Any) -> None:
    assert migrate(db, RELEASED, START) == [path.name for path in sorted(MIGRATIONS_DIR.glob("*.sql"))]
    assert migrate(db, RELEASED, START) == []
    ledger = db.execute("SELECT number, name, checksum, applied_at FROM schema_migrations ORDER BY 1").fetchall()
    assert ledger == [(one.number, one.name, one.checksum, START.replace(tzinfo=None)) for one in RELEASED]


@pytest.mark.parametrize("table", [CONVERSATIONS, MESSAGES, FEEDBACK, API_KEYS, LINKS, ADAPTERS, PROMOTIONS])
def test_every_field_has_a_column(db: Any, table: Table[Any]) -> None:
    migrate(db, RELEASED, START)
    columns = {row[0] for row in db.execute(f"DESCRIBE {table.name}").fetchall()}
    assert columns - {"position"} == set(table.columns)


def test_a_changed_step_is_refused_before_anything_is_applied(db: Any) -> None:
    migrate(db, RELEASED[:2], START)
    changed = (RELEASED[0]._replace(sql=RELEASED[0].sql + " "), *RELEASED[1:])
    with pytest.raises(Corrupt, match=r"0001_conversations\.sql was changed"):
        migrate(db, changed, START)
    assert "adapters" not in tables(db)


def test_a_missing_step_is_refused(db: Any) -> None:
    migrate(db, RELEASED, START)
    with pytest.raises(Corrupt, match=r"0002_access\.sql was applied and its file is missing"):
        migrate(db, (RELEASED[0], RELEASED[2]), START)


def test_a_database_from_a_newer_program_is_refused(db: Any) -> None:
    migrate(db, RELEASED, START)
    with pytest.raises(Conflict, match=r"0003_adapters\.sql"):
        migrate(db, RELEASED[:2], START)


def test_a_step_that_fails_leaves_nothing_of_itself(db: Any) -> None:
    broken = Migration(
        len(RELEASED) + 1, "0004_broken.sql", "CREATE TABLE half (a INTEGER); CREATE TABLE half (b INTEGER);"
    )
    with pytest.raises(duckdb.CatalogException):
        migrate(db, (*RELEASED, broken), START)
    assert "half" not in tables(db)
    assert migrate(db, RELEASED, START) == []


@pytest.mark.parametrize(
    "names", [["0002_a.sql"], ["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["a.sql"]]
)
def test_misnumbered_files_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(Corrupt, match=r"\.sql"):
        load_migrations(tmp_path)
