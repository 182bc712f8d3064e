"""Server-sent events of a streamed reply, handled as bytes. Pure.

vLLM writes each chunk as compact JSON, in which a quote inside a text is always escaped, so `"model":"name"` with bare
quotes can only be the field itself: replacing those exact bytes changes nothing a person wrote.
"""

import json
from dataclasses import dataclass
from typing import Any

from feedback.errors import UpstreamFailed

END = b"\n\n"
DONE = b"data: [DONE]\n\n"
DATA = b"data: "
USAGE_MARK = b'"choices":[]'
ERROR_MARK = b'data: {"error"'


def take_whole(buffer: bytearray) -> bytes:
    """The whole events at the buffer's front, which are taken out of it; a part of an event stays."""
    cut = buffer.rfind(END)
    if cut < 0:
        return b""
    whole = bytes(buffer[: cut + len(END)])
    del buffer[: cut + len(END)]
    return whole


def payloads(events: bytes) -> list[Any]:
    """What each data event holds, without the final mark. UpstreamFailed for an event that is no JSON."""
    found = []
    for event in events.split(END):
        if not event.startswith(DATA) or event == DONE.strip():
            continue
        try:
            found.append(json.loads(event[len(DATA) :]))
        except ValueError as wrong:
            raise UpstreamFailed(f"vLLM streamed an event that is no JSON: {event[:80]!r}") from wrong
    return found


def event(payload: Any) -> bytes:
    return DATA + json.dumps(payload, separators=(",", ":")).encode() + END


@dataclass(frozen=True)
class Rewrite:
    """Makes a stream read as ours: our message id, the caller's model name, no usage unless it was asked for."""

    replacements: tuple[tuple[bytes, bytes], ...]
    show_usage: bool

    def __call__(self, events: bytes) -> bytes:
        if not self.show_usage and USAGE_MARK in events:
            events = b"".join(one + END for one in events.split(END) if one and USAGE_MARK not in one)
        for old, new in self.replacements:
            events = events.replace(old, new)
        return events


def rewrite_like(first: bytes, message_id: str, model: str, show_usage: bool) -> Rewrite:
    """The rewriting that fits the stream whose first event this is. UpstreamFailed when its fields can't be found."""
    chunk = payloads(first)[0]
    replacements = []
    for name, ours in (("id", message_id), ("model", model)):
        old = _field(name, chunk.get(name))
        if old not in first:
            raise UpstreamFailed(
                f"vLLM's stream doesn't write its '{name}' as {old!r:.80}; its version is unknown here"
            )
        replacements.append((old, _field(name, ours)))
    return Rewrite(tuple(replacements), show_usage)


def _field(name: str, value: object) -> bytes:
    return f'"{name}":{json.dumps(value)}'.encode()
