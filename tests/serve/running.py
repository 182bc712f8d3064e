"""An ASGI application on a free port of this machine, in a thread."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

PATIENCE_S = 20.0


class Running:
    """A started server. `stop` lets requests finish; `kill` drops every connection at once."""

    def __init__(self, app: Any, port: int = 0) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=5)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()
        wait_until(lambda: self.server.started)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(PATIENCE_S)
        self.socket.close()

    def kill(self) -> None:
        self.server.force_exit = True
        self.stop()


@contextlib.contextmanager
def running(app: Any) -> Iterator[Running]:
    server = Running(app)
    try:
        yield server
    finally:
        server.stop()


def wait_until(true: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Returns as soon as it is true; fails when it doesn't come true."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)
