"""Where the turns that a client sends belong in a conversation's tree. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal

from feedback.errors import Corrupt, NotFound
from feedback.words import Conversation, Message, Turn, Word, digest

VERSION_LENGTH = 8


class Placement(Word):
    """Where the reply to some turns hangs: after `known`, then `new`. `parent_id` is the last known message's id.

    When another reply to the same prompt was asked for, or the prompt was rewritten, `replaced` is the reply that the
    person turned away from and `how` says which.
    """

    parent_id: str | None
    known: tuple[Message, ...]
    new: tuple[Turn, ...]
    replaced: Message | None = None
    how: Literal["regenerate", "edit"] | None = None


def place(conversation: Conversation | None, turns: Sequence[Turn]) -> Placement:
    """The longest run of turns that the conversation has from its root, and what is new after it.

    Turns match on role and content, white space around it aside. Where equal messages lie side by side, the one that
    more of the turns fit under is taken, then the newest.
    """
    messages = () if conversation is None else conversation.messages
    known = _known(messages, turns)
    parent = known[-1] if known else None
    new = tuple(turns[len(known) :])
    parent_id = parent.message_id if parent else None
    if new:
        replaced = _newest(_edited_replies(messages, parent_id)) if new[0].role in ("user", "system") else None
        return Placement(parent_id=parent_id, known=known, new=new, replaced=replaced, how="edit" if replaced else None)
    if parent is None or parent.role != "user":
        return Placement(parent_id=parent_id, known=known, new=())
    replaced = _newest(_replies(messages, parent_id))
    return Placement(
        parent_id=parent_id, known=known, new=(), replaced=replaced, how="regenerate" if replaced else None
    )


def children(conversation: Conversation, message_id: str | None) -> tuple[Message, ...]:
    """The messages that hang from this one, oldest first; the roots for None."""
    return tuple(sorted(_children(conversation.messages, message_id), key=_age))


def path(conversation: Conversation, message_id: str) -> tuple[Message, ...]:
    """The messages from a root to this one. NotFound when it isn't there, Corrupt when one above it isn't."""
    known = {message.message_id: message for message in conversation.messages}
    if message_id not in known:
        raise NotFound(f"there is no message {message_id} in {conversation.conversation_id}")
    found = [known[message_id]]
    while (parent_id := found[-1].parent_id) is not None:
        if parent_id not in known or len(found) > len(known):
            raise Corrupt(f"message {found[-1].message_id} hangs from {parent_id}, from which no root can be reached")
        found.append(known[parent_id])
    return tuple(reversed(found))


def prompt_version(turns: Sequence[Turn]) -> str:
    """The first 8 digits of the system prompts' digest; "none" without one."""
    prompts = [turn.content for turn in turns if turn.role == "system"]
    return digest(*prompts)[:VERSION_LENGTH] if prompts else "none"


def _known(messages: Sequence[Message], turns: Sequence[Turn]) -> tuple[Message, ...]:
    by_id = {message.message_id: message for message in messages}
    frontier: list[Message] = []
    parent_ids: set[str | None] = {None}
    for turn in turns:
        matching = [one for one in messages if one.parent_id in parent_ids and _same(one, turn)]
        if not matching:
            break
        frontier = matching
        parent_ids = {one.message_id for one in matching}
    node = max(frontier, key=_age, default=None)
    known: list[Message] = []
    while node is not None:
        known.append(node)
        node = by_id.get(node.parent_id) if node.parent_id else None
    return tuple(reversed(known))


def _same(message: Message, turn: Turn) -> bool:
    return message.role == turn.role and message.content.strip() == turn.content.strip()


def _edited_replies(messages: Sequence[Message], parent_id: str | None) -> Iterable[Message]:
    """Replies to the prompts that a new prompt under this message takes the place of."""
    for sibling in _children(messages, parent_id):
        if sibling.role == "user":
            yield from _replies(messages, sibling.message_id)
        elif sibling.role == "system":
            for prompt in _children(messages, sibling.message_id):
                yield from _replies(messages, prompt.message_id)


def _replies(messages: Sequence[Message], message_id: str | None) -> Iterable[Message]:
    return (one for one in _children(messages, message_id) if one.role == "assistant")


def _children(messages: Sequence[Message], message_id: str | None) -> Iterable[Message]:
    return (one for one in messages if one.parent_id == message_id)


def _newest(messages: Iterable[Message]) -> Message | None:
    return max(messages, key=_age, default=None)


def _age(message: Message) -> tuple[object, str]:
    return (message.created_at, message.message_id)
