"""One family of errors. A message says what was wrong, with the offending value, and what to do about it.

Each is also a standard kind, so that callers outside the project may catch ValueError, LookupError and so on.
The gateway maps `status` onto HTTP; the command line prints the message and exits with 2.
"""


class RatchetError(Exception):
    """What went wrong and what to do. `code` is stable and machine-readable; `status` is its HTTP status."""

    code = "error"
    status = 500


class Invalid(RatchetError, ValueError):
    """The input breaks a rule; the caller must change it."""

    code = "invalid"
    status = 422


class NotFound(RatchetError, LookupError):
    """There is no such thing, or it isn't the caller's."""

    code = "not_found"
    status = 404


class NotAllowed(RatchetError, PermissionError):
    """The caller is known and may not do this."""

    code = "not_allowed"
    status = 403


class Unauthenticated(RatchetError, PermissionError):
    """The caller is not known: no key, or one that is wrong, expired or revoked."""

    code = "unauthenticated"
    status = 401


class Conflict(RatchetError, RuntimeError):
    """The state has moved on since the caller looked; look again."""

    code = "conflict"
    status = 409


class TooLarge(RatchetError, ValueError):
    """The input is over a limit that the message names."""

    code = "too_large"
    status = 413


class NotReady(RatchetError, ConnectionError):
    """Something is still starting, or is down; try again after `retry_after_s` seconds."""

    code = "not_ready"
    status = 503

    def __init__(self, message: str, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamFailed(RatchetError, ConnectionError):
    """vLLM answered with an error, or with another adapter than the one asked for."""

    code = "upstream_failed"
    status = 502


class Corrupt(RatchetError, ValueError):
    """A file or directory isn't what its manifest says it is; it must not be used."""

    code = "corrupt"
    status = 422


class StorageFull(RatchetError, OSError):
    """The disk is full: the write was refused whole and nothing before it is lost."""

    code = "storage_full"
    status = 507


class MachineTooSmall(RatchetError, RuntimeError):
    """Not enough memory, disk or a port: the message carries the numbers."""

    code = "machine_too_small"
    status = 500
