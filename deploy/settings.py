"""Where things are on this machine: one settings class for the command line and what it starts."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from feedback.errors import Invalid
from feedback.words import BASE_LINE

EMBEDDED_BASE = "smollm2-135m"


def default_home() -> Path:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "ratchet"


def default_cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ratchet"


class StackSettings(BaseSettings):
    """Read from `RATCHET_*` variables, else from `ratchet.env` in the working directory."""

    model_config = SettingsConfigDict(env_prefix="RATCHET_", env_file="ratchet.env", extra="ignore", frozen=True)

    home: Path = Field(default_factory=default_home)
    cache: Path = Field(default_factory=default_cache)
    base_model: str = EMBEDDED_BASE  # the embedded model, a Hugging Face id, or a local directory
    line: str = Field(BASE_LINE, pattern=r"^[a-z0-9]+$")
    port: int = Field(8000, ge=1, le=65535)
    ui_port: int = Field(8080, ge=1, le=65535)
    vllm_port: int = Field(8001, ge=1, le=65535)
    max_model_len: int = Field(2048, ge=256)
    max_loras: int = Field(4, ge=2)
    max_lora_rank: int = Field(16, ge=1)

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ui_url(self) -> str:
        return f"http://127.0.0.1:{self.ui_port}"

    @property
    def vllm_url(self) -> str:
        return f"http://127.0.0.1:{self.vllm_port}"

    @property
    def ports(self) -> dict[str, tuple[str, int]]:
        """Process -> the setting that moves it, and its port."""
        return {
            "gateway": ("RATCHET_PORT", self.port),
            "chat page": ("RATCHET_UI_PORT", self.ui_port),
            "vLLM": ("RATCHET_VLLM_PORT", self.vllm_port),
        }


def load_settings(home: Path | None = None) -> StackSettings:
    """The settings of this call; `home` overrules `RATCHET_HOME`. Raises Invalid, naming the variable."""
    try:
        settings = StackSettings() if home is None else StackSettings(home=home)
    except ValueError as error:
        raise Invalid(f"a RATCHET_* setting is not valid: {error}") from error
    return settings.model_copy(update={"home": settings.home.expanduser().resolve()})
