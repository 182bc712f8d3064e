"""Adapters and the decisions about them, as statements on a connection inside somebody's transaction."""

from collections.abc import Callable, Iterable

from duckdb import DuckDBPyConnection

from feedback.errors import Conflict, Invalid, NotFound
from feedback.rows import ADAPTERS, PROMOTIONS
from feedback.words import Adapter, AdapterState, Promotion

MOVES_HEAD = ("promote", "rollback")


def add_adapter(connection: DuckDBPyConnection, line: str, make: Callable[[int], Adapter]) -> Adapter:
    """The adapter that `make` gives for the line's next version, stored; the line's own if it has those bytes."""
    row = connection.execute("SELECT coalesce(max(version), 0) FROM adapters WHERE line = ?", [line]).fetchone()
    version = int(row[0]) + 1 if row else 1
    adapter = make(version)
    if (adapter.line, adapter.version) != (line, version):
        raise Invalid(f"{adapter.adapter_id} is {adapter.line} v{adapter.version}; it should be {line} v{version}")
    for known in ADAPTERS.select(connection, "WHERE line = ? AND content_hash = ?", [line, adapter.content_hash]):
        return known.model_copy(
            update={"state": states(promotions(connection, line)).get(known.adapter_id, known.state)}
        )
    ADAPTERS.insert(connection, adapter)
    return adapter


def add_promotion(connection: DuckDBPyConnection, promotion: Promotion) -> Promotion:
    """The decision is the line's newest. Conflict when another adapter was live than the decider thought."""
    now = head(connection, promotion.line)
    if now is not None and now != promotion.incumbent_id:
        raise Conflict(f"{now} is live on line '{promotion.line}', not {promotion.incumbent_id}: look and decide again")
    if promotion.action != "rollback":  # which may go back to the base
        adapter = ADAPTERS.get(connection, promotion.adapter_id)
        if adapter is None or adapter.line != promotion.line:
            raise NotFound(
                f"there is no adapter {promotion.adapter_id} on line '{promotion.line}' to {promotion.action}"
            )
    row = connection.execute("SELECT coalesce(max(position), 0) + 1 FROM promotions").fetchone()
    PROMOTIONS.insert(connection, promotion, position=row[0] if row else 1)
    return promotion


def promotions(connection: DuckDBPyConnection, line: str | None) -> list[Promotion]:
    """The line's decisions, or every line's, newest first."""
    if line is None:
        return PROMOTIONS.select(connection, "ORDER BY position DESC")
    return PROMOTIONS.select(connection, "WHERE line = ? ORDER BY position DESC", [line])


def head(connection: DuckDBPyConnection, line: str) -> str | None:
    """What is live on the line: an adapter, the base after a rollback to it, None before any decision for one."""
    rest = "WHERE line = ? AND action IN ('promote', 'rollback') ORDER BY position DESC LIMIT 1"
    found = PROMOTIONS.select(connection, rest, [line])
    return found[0].adapter_id if found else None


def adapters(connection: DuckDBPyConnection, line: str | None) -> list[Adapter]:
    """The line's adapters, or every line's, by version, each with the state that the decisions give it."""
    if line is None:
        found = ADAPTERS.select(connection, "ORDER BY line, version")
    else:
        found = ADAPTERS.select(connection, "WHERE line = ? ORDER BY version", [line])
    known = states(promotions(connection, line))
    return [one.model_copy(update={"state": known.get(one.adapter_id, AdapterState.CANDIDATE)}) for one in found]


def adapter(connection: DuckDBPyConnection, adapter_id: str) -> Adapter | None:
    """The adapter with its state."""
    found = ADAPTERS.get(connection, adapter_id)
    if found is None:
        return None
    state = states(promotions(connection, found.line)).get(adapter_id, AdapterState.CANDIDATE)
    return found.model_copy(update={"state": state})


def states(newest_first: Iterable[Promotion]) -> dict[str, AdapterState]:
    """What the decisions make of each adapter they name: live, retired (was live), or rejected."""
    found: dict[str, AdapterState] = {}
    lines_with_head: set[str] = set()
    for promotion in newest_first:
        if promotion.action not in MOVES_HEAD:
            found.setdefault(promotion.adapter_id, AdapterState.REJECTED)
        elif promotion.line not in lines_with_head:
            lines_with_head.add(promotion.line)
            found[promotion.adapter_id] = AdapterState.LIVE
        elif found.get(promotion.adapter_id) is not AdapterState.LIVE:
            found[promotion.adapter_id] = AdapterState.RETIRED
    return found
