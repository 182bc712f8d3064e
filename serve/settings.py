"""Where the gateway finds things: read from `RATCHET_*` variables by the entry point and passed down."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from feedback.words import BASE_LINE, Hash

BASE_ID = re.compile(r"^[a-z0-9][a-z0-9.-]*$")
LINE = re.compile(r"^[a-z0-9]+$")


class Settings(BaseSettings):
    """Addresses, paths, limits. Lists are separated by commas. A host beyond loopback needs RATCHET_ALLOW_REMOTE=1."""

    model_config = SettingsConfigDict(env_prefix="RATCHET_", frozen=True, extra="ignore", populate_by_name=True)

    home: Path
    base_id: str  # the name vLLM serves the base model under, and the first part of every adapter's name
    base_hash: Hash
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    allow_remote: bool = False
    replicas: Annotated[tuple[str, ...], NoDecode] = ("http://127.0.0.1:8001",)
    lines: Annotated[tuple[str, ...], NoDecode] = Field((BASE_LINE,), validation_alias="RATCHET_LINE")
    max_body_bytes: Annotated[int, Field(ge=1_000)] = 1_000_000
    max_turn_chars: Annotated[int, Field(ge=1)] = 32_000
    loaded_adapters: Annotated[int, Field(ge=2)] = 4  # vLLM's --max-loras; two are needed to promote
    max_rank: Annotated[int, Field(ge=1)] = 16  # vLLM's --max-lora-rank
    reconcile_every_s: Annotated[float, Field(gt=0)] = 2.0
    connect_timeout_s: Annotated[float, Field(gt=0)] = 2.0
    reply_timeout_s: Annotated[float, Field(gt=0)] = 300.0  # the longest silence of vLLM within one reply
    shutdown_grace_s: Annotated[int, Field(ge=0)] = 20  # how long streams may go on after a request to stop

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    @field_validator("replicas", "lines", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("replicas")
    @classmethod
    def _are_addresses(cls, replicas: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [url for url in replicas if not url.startswith(("http://", "https://"))]
        if wrong or not replicas:
            raise ValueError(f"RATCHET_REPLICAS must be addresses like http://127.0.0.1:8001, found {wrong or 'none'}")
        return tuple(url.rstrip("/") for url in replicas)

    @field_validator("lines")
    @classmethod
    def _are_lines(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [line for line in lines if not LINE.match(line)]
        if wrong or not lines or len(set(lines)) != len(lines):
            raise ValueError(
                f"RATCHET_LINE must be different names of lower-case letters and digits, found {list(lines)}"
            )
        return lines

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if not BASE_ID.match(self.base_id) or self.base_id in self.lines:
            raise ValueError(
                f"RATCHET_BASE_ID is '{self.base_id}'; it must be lower-case letters, digits, '.' and '-', and no line"
            )
        if not is_loopback(self.host) and not self.allow_remote:
            raise ValueError(
                f"RATCHET_HOST is '{self.host}', which others can reach, and keys would travel in clear text. Put a "
                "proxy that speaks TLS in front of 127.0.0.1, or set RATCHET_ALLOW_REMOTE=1 when there is one already"
            )
        return self

    @property
    def database(self) -> Path:
        return self.home / "gateway" / "ratchet.duckdb"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
