"""The platform's processes and their supervisor.

supervisord (a kept library, made for this) starts them in process groups, writes and rotates their logs, restarts what
exits with growing pauses, and is asked about them over a socket that only this user can open. One supervisor for each
home directory.
"""

import os
import sys
import tempfile
import time
import xmlrpc.client
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy import vllm_process
from deploy.hardware import Hardware
from deploy.settings import StackSettings
from feedback.errors import Invalid, NotReady
from feedback.words import BaseModelRef, digest

GATEWAY, PAGE, VLLM = "gateway", "ui", "vllm"
LOG_BYTES, LOG_BACKUPS = "20MB", 3


@dataclass(frozen=True)
class Program:
    """One process to keep running. It counts as started once it has lived for `start_s` seconds: an exit before that
    is followed by a growing pause, an exit after it by an immediate restart."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    start_s: int = 3
    stop_wait_s: int = 15


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor says of a process; `state` is its word, e.g. RUNNING, BACKOFF, FATAL."""

    name: str
    state: str
    pid: int
    up_s: int
    detail: str


def programs(settings: StackSettings, base: BaseModelRef, hardware: Hardware) -> list[Program]:
    """vLLM, the gateway and the chat page, in the order in which they are stopped last to first."""
    home = {"RATCHET_HOME": str(settings.home), "RATCHET_LINE": settings.line, "PYTHONUNBUFFERED": "1"}
    gateway = home | {
        "RATCHET_PORT": str(settings.port),
        "RATCHET_REPLICAS": settings.vllm_url,
        "RATCHET_BASE_ID": base.base_id,
        "RATCHET_BASE_HASH": base.base_hash,
        "RATCHET_LOADED_ADAPTERS": str(settings.max_loras),
        "RATCHET_MAX_RANK": str(settings.max_lora_rank),
    }
    page = home | {
        "RATCHET_GATEWAY_URL": settings.gateway_url,
        "RATCHET_UI_PORT": str(settings.ui_port),
        "GRADIO_ANALYTICS_ENABLED": "0",
    }
    return [
        Program(GATEWAY, [sys.executable, "-m", "serve"], gateway, stop_wait_s=30),
        Program(
            VLLM,
            vllm_process.command(settings, base, hardware),
            vllm_process.environment(hardware),
            start_s=40,
            stop_wait_s=20,
        ),
        Program(PAGE, [sys.executable, "-m", "ui"], page, start_s=15),
    ]


def configuration(settings: StackSettings, wanted: list[Program], socket: Path) -> str:
    """supervisord's configuration file as text."""
    run, logs = settings.home / "run", settings.home / "logs"
    rows = [
        "[supervisord]",
        f"logfile={escaped(logs / 'supervisor.log')}",
        f"pidfile={escaped(run / 'supervisor.pid')}",
        f"childlogdir={escaped(logs)}",
        "umask=077",
        "minfds=4096",
        "[unix_http_server]",
        f"file={escaped(socket)}",
        "chmod=0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for program in wanted:
        variables = ",".join(f'{name}="{escaped(value)}"' for name, value in program.environment.items())
        tethered = [sys.executable, "-m", "deploy.tether", *program.command]
        rows += [
            f"[program:{program.name}]",
            "command=" + " ".join(f'"{escaped(part)}"' for part in tethered),
            f"directory={escaped(Path(__file__).resolve().parent.parent)}",
            f"environment={variables}",
            f"stdout_logfile={escaped(logs / program.name)}.log",
            f"stdout_logfile_maxbytes={LOG_BYTES}",
            f"stdout_logfile_backups={LOG_BACKUPS}",
            "redirect_stderr=true",
            "autorestart=true",
            f"startsecs={program.start_s}",
            "startretries=10",
            "stopasgroup=true",
            f"stopwaitsecs={program.stop_wait_s}",
        ]
    return "\n".join(rows) + "\n"


def escaped(value: str | Path) -> str:
    """A value as supervisord's configuration takes it; what would break out of its line or quotes is refused."""
    text = str(value)
    if any(character in text for character in '"\n\r;\\'):
        raise Invalid(f"the path or setting {text!r} has a quote, semicolon or line break; choose another")
    return text.replace("%", "%%")


class Supervisor:
    """The supervisor of one home directory, running or not."""

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        # A socket's path may be about 100 characters long, and a home directory's longer.
        name = f"ratchet-{os.getuid()}-{digest(str(settings.home))[:12]}"
        self.socket = Path(tempfile.gettempdir()) / f"{name}.sock"

    def call(self, method: str, *arguments: Any) -> Any:
        """supervisord's answer; raises NotReady when none is running."""
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, xmlrpc.client.Fault) as error:
            raise NotReady(f"the platform isn't running (home {self.settings.home}); start it with `ratchet up`") from (
                error
            )
        finally:
            transport.close()

    def running(self) -> bool:
        try:
            return self.call("getState")["statename"] == "RUNNING"
        except NotReady:
            return False

    def processes(self) -> list[ProcessState]:
        found = [
            ProcessState(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                up_s=max(0, info["now"] - info["start"]) if info["pid"] else 0,
                detail=info["spawnerr"] or info["description"],
            )
            for info in self.call("getAllProcessInfo")
        ]
        return sorted(found, key=lambda process: process.name)

    def start(self, wanted: list[Program]) -> None:
        """Starts supervisord as a daemon with these programs. Raises NotReady when it doesn't come up."""
        import subprocess

        home = self.settings.home
        for folder in (home, home / "run", home / "logs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = home / "run" / "supervisord.conf"
        file.write_text(configuration(self.settings, wanted, self.socket))
        file.chmod(0o600)
        self.socket.unlink(missing_ok=True)
        started = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(file)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        deadline = time.monotonic() + 15
        while not self.running():
            if started.returncode or time.monotonic() > deadline:
                raise NotReady(f"supervisord did not start: {(started.stderr or started.stdout).strip()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stops every process, then the supervisor; returns when it has gone."""
        pid = self.call("getPID")
        self.call("shutdown")
        while alive(pid):
            time.sleep(0.1)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
