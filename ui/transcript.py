"""What the page shows of a Conversation. Pure: values in, the chatbot's messages out.

A Conversation is a tree; the page shows one path through it, the one that ends in the newest Message. Messages may
hold anything, so a tag outside code is escaped and appears as the text that it is; the chatbot sanitises as well.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from feedback.words import Conversation, Message, Role, Turn

FENCE = r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)"
SPAN = r"(?<!`)(?P<tick>`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)(?P=tick)(?!`)"
CODE = re.compile(f"{FENCE}|{SPAN}", re.MULTILINE | re.DOTALL)
TAG = re.compile(r"(\\*)<(?=[A-Za-z/!?])")
WRITE_BETTER = "Write a better answer"
NOTHING_SAID = "*Stopped before the first word.*"


@dataclass(frozen=True)
class Shown:
    """One Message on the page. A reply has an id; what was just typed has none until it is read back."""

    role: Role
    content: str
    message_id: str | None = None
    adapter_id: str | None = None

    @property
    def turn(self) -> Turn:
        return Turn(role=self.role, content=self.content)


def newest_path(conversation: Conversation) -> tuple[Shown, ...]:
    """From the root to the newest Message; other branches aren't shown. System messages are left out."""
    by_id = {message.message_id: message for message in conversation.messages}
    path: list[Message] = []
    seen: set[str] = set()
    newest = max(conversation.messages, key=lambda message: (message.created_at, message.message_id), default=None)
    while newest is not None and newest.message_id not in seen:
        seen.add(newest.message_id)
        path.append(newest)
        newest = by_id.get(newest.parent_id or "")
    return tuple(shown(message) for message in reversed(path) if message.role != "system")


def shown(message: Message) -> Shown:
    return Shown(message.role, message.content, message.message_id, message.adapter_id)


def chatbot_messages(path: Sequence[Shown], offer_correction: bool = True) -> list[dict[str, Any]]:
    """The chatbot's value: one entry for each Shown, in order, so that an event's index is an index into `path`."""
    rows = [_row(entry) for entry in path]
    if offer_correction and path and path[-1].role == "assistant" and path[-1].message_id:
        rows[-1]["options"] = [{"label": WRITE_BETTER, "value": path[-1].message_id}]
    return rows


def _row(entry: Shown) -> dict[str, Any]:
    text = escape_tags(entry.content) if entry.content.strip() else NOTHING_SAID
    return {
        "role": entry.role,
        "content": [{"type": "text", "text": text}],
        "metadata": {"id": entry.message_id} if entry.message_id else {},
    }


def thumb_marks(path: Sequence[Shown], thumbs: Mapping[str, Literal["up", "down"]]) -> list[str | None]:
    """The chatbot's `feedback_value`: for each reply in order, which thumb is filled in."""
    names = {"up": "Like", "down": "Dislike"}
    return [names.get(thumbs.get(entry.message_id or "", "")) for entry in path if entry.role == "assistant"]


def reply_with_text(path: Sequence[Shown], text: str) -> Shown | None:
    """The newest reply that is shown as this text: what a copy event means, which carries no index."""
    replies = (entry for entry in reversed(path) if entry.role == "assistant" and entry.message_id)
    return next((entry for entry in replies if escape_tags(entry.content).strip() == text.strip()), None)


def escape_tags(text: str) -> str:
    r"""Markdown in which no `<` outside code can open a tag: it gets a backslash, unless it has one already."""
    return _outside_code(text, lambda slashes: slashes + "\\" if len(slashes) % 2 == 0 else slashes)


def unescape_tags(text: str) -> str:
    """The inverse of `escape_tags`, for text that a person edited on the page."""
    return _outside_code(text, lambda slashes: slashes[:-1] if len(slashes) % 2 else slashes)


def _outside_code(text: str, backslashes: Callable[[str], str]) -> str:
    done: list[str] = []
    start = 0
    for code in CODE.finditer(text):
        done += [TAG.sub(lambda tag: backslashes(tag[1]) + "<", text[start : code.start()]), code[0]]
        start = code.end()
    done.append(TAG.sub(lambda tag: backslashes(tag[1]) + "<", text[start:]))
    return "".join(done)
