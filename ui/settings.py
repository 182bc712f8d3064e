"""Where the chat page listens and which gateway it speaks to."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from feedback.errors import Invalid


@dataclass(frozen=True)
class Settings:
    """Addresses, and the line (an alias at the gateway) that answers."""

    gateway_url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = 8080
    line: str = "main"


def settings_from(environ: Mapping[str, str]) -> Settings:
    """RATCHET_GATEWAY_URL, RATCHET_UI_HOST, RATCHET_UI_PORT and RATCHET_LINE, or their defaults.

    Raises Invalid for an address that isn't http(s) and for a port outside 1..65535.
    """
    default = Settings()
    gateway_url = environ.get("RATCHET_GATEWAY_URL", default.gateway_url).rstrip("/")
    parts = urlsplit(gateway_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Invalid(f"RATCHET_GATEWAY_URL is '{gateway_url}'; write an address such as {default.gateway_url}")
    return Settings(
        gateway_url=gateway_url,
        host=environ.get("RATCHET_UI_HOST", default.host),
        port=_port(environ.get("RATCHET_UI_PORT", str(default.port))),
        line=environ.get("RATCHET_LINE", default.line),
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Invalid(f"RATCHET_UI_PORT is '{text}'; write a number from 1 to 65535")
    return int(text)
