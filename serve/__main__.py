"""`python -m serve`: the gateway process. Settings are read here and nowhere else."""

import logging
import socket
import sys

import uvicorn
from pydantic import ValidationError

from feedback.errors import Invalid, MachineTooSmall, RatchetError
from feedback.store import Store
from serve.app import create_app
from serve.first_start import ensure_operator_key
from serve.parts import assemble, now
from serve.settings import Settings

log = logging.getLogger("serve")
KEEP_ALIVE_S = 65  # longer than the pooled connections of common clients


def main() -> int:
    """0 after a clean stop, 2 when it could not start; the last line of stderr says why."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        run(read_settings())
    except RatchetError as failed:
        sys.stderr.write(f"{failed}\n")
        return 2
    return 0


def read_settings() -> Settings:
    """From the environment. Invalid, naming each variable that is missing or wrong."""
    try:
        return Settings()
    except ValidationError as wrong:
        lines = [f"RATCHET_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in wrong.errors()]
        raise Invalid("the gateway's settings are wrong: " + "; ".join(lines)) from wrong


def run(settings: Settings) -> None:
    """Serves until it is told to stop, then finishes streams for a while and closes the store last."""
    settings.database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    listening = listen(settings.host, settings.port)
    store = Store(settings.database)
    try:
        ensure_operator_key(settings.home, store, now())
        config = uvicorn.Config(
            create_app(assemble(settings, store)),
            timeout_graceful_shutdown=settings.shutdown_grace_s,
            timeout_keep_alive=KEEP_ALIVE_S,
            access_log=False,
            server_header=False,
            log_config=None,
        )
        host, port = listening.getsockname()[:2]
        log.info("listening on http://%s:%d", host, port)
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        store.close()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. MachineTooSmall when the port is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as failed:
        listening.close()
        raise MachineTooSmall(
            f"cannot listen on {host}:{port} ({failed.strerror}); stop what is there, or set RATCHET_PORT"
        ) from failed
    return listening


if __name__ == "__main__":
    sys.exit(main())
