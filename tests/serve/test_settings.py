"""Settings come from RATCHET_* variables and are refused with the variable's name."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from serve.settings import Settings

GOOD: dict[str, Any] = {"home": "/tmp/ratchet", "base_id": "tiny", "base_hash": "b" * 64}


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "RATCHET_HOME": "/tmp/x/../ratchet",
        "RATCHET_BASE_ID": "tiny",
        "RATCHET_BASE_HASH": "b" * 64,
        "RATCHET_REPLICAS": "http://127.0.0.1:1/, http://127.0.0.1:2",
        "RATCHET_LINE": "main,shop",
        "RATCHET_SOMETHING_OF_DEPLOYS": "x",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.home == Path("/tmp/ratchet")
    assert settings.replicas == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert settings.lines == ("main", "shop")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": "0.0.0.0"}, "RATCHET_ALLOW_REMOTE=1"),
        ({"host": "chat.example.org"}, "TLS"),
        ({"replicas": "127.0.0.1:8001"}, "RATCHET_REPLICAS"),
        ({"replicas": ""}, "RATCHET_REPLICAS"),
        ({"lines": "Main"}, "RATCHET_LINE"),
        ({"lines": "main,main"}, "RATCHET_LINE"),
        ({"base_id": "Tiny/Base"}, "RATCHET_BASE_ID"),
        ({"base_id": "main"}, "RATCHET_BASE_ID"),
        ({"port": 70_000}, "port"),
        ({"loaded_adapters": 1}, "loaded_adapters"),
    ],
)
def test_what_is_unsafe_or_wrong_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings(**GOOD | change)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_permission(host: str) -> None:
    assert Settings(**GOOD, host=host).host == host


def test_a_remote_host_can_be_allowed() -> None:
    assert Settings(**GOOD, host="0.0.0.0", allow_remote=True).host == "0.0.0.0"
