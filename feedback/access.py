"""Keys and one-time links: who may call the gateway, without the secrets themselves."""

import hashlib
import secrets
from datetime import datetime

from feedback.words import AccessRole, Hash, Word

SECRET_BYTES = 32


class ApiKey(Word):
    """What is kept of an API key: its hash, whose it is and what it may do. Listed by id, never by its hash."""

    key_id: str
    user_id: str
    role: AccessRole
    label: str = ""
    key_hash: Hash
    created_at: datetime
    revoked_at: datetime | None = None


class Link(Word):
    """What is kept of a link that signs a browser in, once, until it expires."""

    token_hash: Hash
    user_id: str
    role: AccessRole
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


def new_secret() -> str:
    """`rk_` and 43 characters that carry 256 random bits of the operating system's."""
    return f"rk_{secrets.token_urlsafe(SECRET_BYTES)}"


def hash_secret(secret: str) -> str:
    """SHA-256 of a secret that `new_secret` made.

    A slow, salted hash guards what people choose and others can guess. 256 random bits can't be guessed, so a fast
    hash is right here and lets every request be looked up by it.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
