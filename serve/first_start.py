"""The local operator's key: made at the first start, readable by this user only, hashed in the store."""

import logging
import os
from datetime import datetime
from pathlib import Path

from feedback.access import hash_secret
from feedback.store import Store
from feedback.words import AccessRole
from serve.access_routes import made

log = logging.getLogger(__name__)
FILE_NAME = "operator.key"
OWNER_ONLY = 0o600


def ensure_operator_key(home: Path, store: Store, at: datetime) -> Path:
    """The file holds the secret of an operator's key that the store knows. A new one is made when it doesn't."""
    file = home / FILE_NAME
    if file.exists():
        key = store.key_by_hash(hash_secret(file.read_text().strip()))
        if key is not None and key.revoked_at is None and key.role is AccessRole.OPERATOR:
            return file
        log.warning("%s holds no operator's key that is known here; it is replaced", file)
        file.unlink()
    key, secret = made("operator", AccessRole.OPERATOR, "made at the first start", at)
    store.add_key(key).result()
    _write_for_owner(file, secret)
    log.info("a new operator's key is in %s", file)
    return file


def _write_for_owner(file: Path, secret: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(f"{secret}\n")
        opened.flush()
        os.fsync(opened.fileno())
