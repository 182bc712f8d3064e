"""Identifiers that sort by the time they were made."""

import re
import secrets
from datetime import datetime

ID_PATTERN = re.compile(r"^[a-z]+_[0-9a-f]{28}$")
RANDOM_BYTES = 8


def make_id(kind: str, at: datetime, entropy: bytes) -> str:
    """`kind_` and 28 hexadecimal digits: 48 bits of milliseconds since 1970, then the entropy (8 bytes).

    The layout is ULID's (time first, so that ids sort by age), written in hexadecimal.
    """
    if len(entropy) != RANDOM_BYTES:
        raise ValueError(f"an id takes {RANDOM_BYTES} bytes of entropy, got {len(entropy)}")
    milliseconds = int(at.timestamp() * 1000)
    return f"{kind}_{milliseconds:012x}{entropy.hex()}"


def new_id(kind: str, at: datetime) -> str:
    """A fresh id of this kind at this time; the entropy is the operating system's."""
    return make_id(kind, at, secrets.token_bytes(RANDOM_BYTES))
