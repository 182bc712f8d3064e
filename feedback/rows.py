"""How words lie in tables: a column for each field, of the same name."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, TypeVar

from duckdb import DuckDBPyConnection

from feedback.access import ApiKey, Link
from feedback.errors import Invalid
from feedback.words import Adapter, Conversation, Feedback, Message, Promotion, Word

W = TypeVar("W", bound=Word)
JSON_COLUMNS = frozenset({"sampling", "reasons"})


@dataclass(frozen=True)
class Table(Generic[W]):
    """A table that holds one kind of word, by its key."""

    name: str
    kind: type[W]
    key: str
    absent: frozenset[str] = frozenset()  # fields that are no columns: they are derived from other tables

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(field for field in self.kind.model_fields if field not in self.absent)

    def insert(self, connection: DuckDBPyConnection, word: W, **more: Any) -> None:
        """The word is a row; `more` are columns that the word has no field for."""
        names = (*self.columns, *more)
        values = [column_value(name, getattr(word, name)) for name in self.columns] + list(more.values())
        marks = ", ".join("?" * len(names))
        connection.execute(f"INSERT INTO {self.name} ({', '.join(names)}) VALUES ({marks})", values)  # noqa: S608

    def select(self, connection: DuckDBPyConnection, rest: str = "", values: Sequence[Any] = ()) -> list[W]:
        """The words of the rows that the rest of the statement (WHERE, ORDER BY, LIMIT) picks."""
        statement = f"SELECT {', '.join(self.columns)} FROM {self.name} {rest}"  # noqa: S608 names are our own
        return self.words(connection.execute(statement, list(values)).fetchall())

    def get(self, connection: DuckDBPyConnection, key: str) -> W | None:
        found = self.select(connection, f"WHERE {self.key} = ?", [key])
        return found[0] if found else None

    def words(self, rows: Iterable[Sequence[Any]]) -> list[W]:
        """The words of rows whose values are in the order of `columns`."""
        names = self.columns
        return [
            self.kind.model_validate({name: _field_value(name, value) for name, value in zip(names, row, strict=True)})
            for row in rows
        ]


CONVERSATIONS = Table("conversations", Conversation, "conversation_id", frozenset({"messages"}))
MESSAGES = Table("messages", Message, "message_id")
FEEDBACK = Table("feedback", Feedback, "feedback_id")
API_KEYS = Table("api_keys", ApiKey, "key_id")
LINKS = Table("links", Link, "token_hash")
ADAPTERS = Table("adapters", Adapter, "adapter_id", frozenset({"state"}))
PROMOTIONS = Table("promotions", Promotion, "promotion_id")


def utc(at: datetime) -> datetime:
    """The time as columns hold it: UTC, without a zone. Invalid when it has no zone to convert from."""
    if at.tzinfo is None:
        raise Invalid(f"the time {at.isoformat()} has no zone; give it in UTC")
    return at.astimezone(UTC).replace(tzinfo=None)


def column_value(name: str, value: Any) -> Any:
    """A field's value as its column holds it."""
    if name in JSON_COLUMNS:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, datetime):
        return utc(value)
    return value.value if isinstance(value, Enum) else value


def _field_value(name: str, value: Any) -> Any:
    if name in JSON_COLUMNS:
        return json.loads(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
