"""Keys and links, as statements on a connection inside somebody's transaction."""

from datetime import datetime

from duckdb import DuckDBPyConnection

from feedback.access import ApiKey, Link
from feedback.errors import NotFound, Unauthenticated
from feedback.rows import API_KEYS, LINKS, utc


def revoke_key(connection: DuckDBPyConnection, key_id: str, at: datetime) -> None:
    """The key is revoked, since the first time somebody did it. NotFound when there is none."""
    key = API_KEYS.get(connection, key_id)
    if key is None:
        raise NotFound(f"there is no key {key_id}")
    if key.revoked_at is None:
        connection.execute("UPDATE api_keys SET revoked_at = ? WHERE key_id = ?", [utc(at), key_id])


def use_link(connection: DuckDBPyConnection, token_hash: str, at: datetime) -> Link:
    """The link, used now and never again. Unauthenticated when it is unknown, used or expired."""
    link = LINKS.get(connection, token_hash)
    if link is None or link.used_at is not None or link.expires_at <= at:
        raise Unauthenticated("this link is unknown, used or expired; ask an operator for a new one")
    connection.execute("UPDATE links SET used_at = ? WHERE token_hash = ?", [utc(at), token_hash])
    return link.model_copy(update={"used_at": at})


def key_by_hash(connection: DuckDBPyConnection, key_hash: str) -> ApiKey | None:
    found = API_KEYS.select(connection, "WHERE key_hash = ?", [key_hash])
    return found[0] if found else None
