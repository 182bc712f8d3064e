"""The whole platform on this machine: up, down, and how it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy import vllm_process
from deploy.base_model import prepare_base
from deploy.doctor import examine
from deploy.gateway import Gateway, operator_key
from deploy.hardware import this_machine
from deploy.processes import ProcessState, Supervisor, programs
from deploy.settings import StackSettings
from feedback.errors import MachineTooSmall, NotReady
from feedback.manifest import read_json, write_json
from feedback.words import BaseModelRef

Say = Callable[[str], None]
BASE_FILE = "base.json"
GATEWAY_WAIT_S = 60


@dataclass(frozen=True)
class Health:
    """What `ratchet status` shows: the supervisor's view, and the gateway's (None while it doesn't answer)."""

    processes: list[ProcessState]
    gateway: dict[str, Any] | None
    ready: bool
    waiting_for: str


def bring_up(settings: StackSettings, say: Say) -> bool:
    """Starts what isn't running; True when this was the home directory's first start.

    Returns when the gateway answers; vLLM goes on loading. Raises MachineTooSmall with every check that failed.
    """
    supervisor = Supervisor(settings)
    first = not (settings.home / "operator.key").exists()
    if supervisor.running():
        say("already running")
    else:
        hardware = this_machine()
        failed = [check for check in examine(settings, hardware, running=False) if check.fatal and not check.ok]
        if failed:
            raise MachineTooSmall("; ".join(f"{c.name}: {c.found}; {c.remedy}" for c in failed))
        base = prepare_base(settings.base_model, settings.cache, say)
        vllm_process.check_memory(base, hardware)
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(settings.home / BASE_FILE, base)
        supervisor.start(programs(settings, base, hardware))
    wait_for_gateway(settings)
    return first


def wait_for_gateway(settings: StackSettings) -> None:
    import time

    import httpx

    deadline = time.monotonic() + GATEWAY_WAIT_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{settings.gateway_url}/healthz", timeout=2).is_success and operator_key(settings.home):
                return
        except (httpx.TransportError, NotReady):
            time.sleep(0.2)
    raise NotReady(f"the gateway did not answer within {GATEWAY_WAIT_S} s; see `ratchet logs gateway`")


def take_down(settings: StackSettings) -> None:
    """Stops everything; streams in progress are finished first. Raises NotReady when nothing is running."""
    Supervisor(settings).stop()


def health(settings: StackSettings) -> Health:
    processes = Supervisor(settings).processes()
    with connect(settings) as gateway:
        ready, waiting_for = gateway.ready()
        try:
            status = gateway.status()
        except NotReady:
            status = None
    return Health(processes=processes, gateway=status, ready=ready, waiting_for=waiting_for)


def connect(settings: StackSettings) -> Gateway:
    """The gateway, as the local operator."""
    return Gateway(settings.gateway_url, operator_key(settings.home))


def base_in_use(settings: StackSettings) -> BaseModelRef:
    """The base model that the platform was last started with."""
    return read_json(settings.home / BASE_FILE, BaseModelRef)


def sign_in_link(settings: StackSettings, gateway: Gateway, user_id: str = "operator", role: str = "operator") -> str:
    """An address that signs one browser in, once."""
    token, _ = gateway.new_link(user_id, role)
    return f"{settings.ui_url}/enter/{token}"
