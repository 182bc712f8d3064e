"""What conversations and feedback may be stored, as statements on a connection inside somebody's transaction."""

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from feedback.errors import Conflict, Invalid, NotFound
from feedback.rows import CONVERSATIONS, FEEDBACK, MESSAGES
from feedback.words import Conversation, Feedback, Message

PAGE_LIMIT = 500


def add_exchange(
    connection: DuckDBPyConnection,
    conversation: Conversation,
    messages: Sequence[Message],
    feedback: Sequence[Feedback],
) -> None:
    """The conversation, its messages and the feedback are stored; what was there under the same id stays as it was."""
    known = CONVERSATIONS.get(connection, conversation.conversation_id)
    if known is None:
        CONVERSATIONS.insert(connection, conversation)
    elif known.user_id != conversation.user_id:
        raise NotFound(f"there is no conversation {conversation.conversation_id} of {conversation.user_id}")
    for message in messages:
        _add_message(connection, conversation.conversation_id, message)
    for event in feedback:
        add_feedback(connection, event)


def _add_message(connection: DuckDBPyConnection, conversation_id: str, message: Message) -> None:
    if message.conversation_id != conversation_id:
        raise Invalid(f"message {message.message_id} is of {message.conversation_id}, not of {conversation_id}")
    known = MESSAGES.get(connection, message.message_id)
    if known is not None:
        if known.conversation_id != conversation_id:
            raise Conflict(f"message {message.message_id} is in another conversation already; give it a fresh id")
        return
    if message.parent_id is not None:
        parent = MESSAGES.get(connection, message.parent_id)
        if parent is None or parent.conversation_id != conversation_id:
            raise Invalid(f"message {message.message_id} answers {message.parent_id}, not in {conversation_id}")
    MESSAGES.insert(connection, message)


def add_feedback(connection: DuckDBPyConnection, feedback: Feedback) -> Feedback:
    """The event is stored. NotFound or Invalid when it isn't about the user's own assistant messages."""
    known = FEEDBACK.get(connection, feedback.feedback_id)
    if known is not None:
        if known != feedback:
            raise Conflict(f"there is another feedback {feedback.feedback_id} already; give it a fresh id")
        return known
    for message_id in (feedback.message_id, feedback.other_message_id):
        if message_id is not None:
            _check_judged(connection, feedback, message_id)
    if feedback.supersedes is not None:
        _check_superseded(connection, feedback, feedback.supersedes)
    FEEDBACK.insert(connection, feedback)
    return feedback


def _check_judged(connection: DuckDBPyConnection, feedback: Feedback, message_id: str) -> None:
    message = MESSAGES.get(connection, message_id)
    conversation = None if message is None else CONVERSATIONS.get(connection, message.conversation_id)
    # Somebody else's message is answered like one that doesn't exist, so that asking tells nothing.
    theirs = conversation is not None and (feedback.source == "argilla" or conversation.user_id == feedback.user_id)
    if message is None or not theirs:
        raise NotFound(f"there is no message {message_id} of {feedback.user_id}; judge one that was answered to them")
    if message.role != "assistant":
        raise Invalid(f"message {message_id} is the {message.role}'s; feedback is about an assistant's message")


def _check_superseded(connection: DuckDBPyConnection, feedback: Feedback, superseded_id: str) -> None:
    superseded = FEEDBACK.get(connection, superseded_id)
    if superseded is None or superseded.user_id != feedback.user_id:
        raise NotFound(f"there is no feedback {superseded_id} of {feedback.user_id} to supersede")
    if (superseded.message_id, superseded.kind) != (feedback.message_id, feedback.kind):
        raise Invalid(
            f"feedback {superseded_id} is a {superseded.kind} about {superseded.message_id}; "
            f"a {feedback.kind} about {feedback.message_id} can't supersede it, withdraw it and give a new one"
        )


def conversation_with_messages(connection: DuckDBPyConnection, conversation_id: str) -> Conversation | None:
    """The conversation and all its messages, oldest first."""
    conversation = CONVERSATIONS.get(connection, conversation_id)
    if conversation is None:
        return None
    order = "WHERE conversation_id = ? ORDER BY created_at, message_id"
    return conversation.model_copy(update={"messages": tuple(MESSAGES.select(connection, order, [conversation_id]))})


def conversations_page(
    connection: DuckDBPyConnection, user_id: str, limit: int, before: str | None
) -> tuple[list[Conversation], str | None]:
    """The user's newest conversations, without messages; and the cursor to go on from, None at the end."""
    if not 1 <= limit <= PAGE_LIMIT:
        raise Invalid(f"limit is {limit}, it must be from 1 to {PAGE_LIMIT}")
    condition, values = "WHERE user_id = ?", [user_id]
    if before is not None:
        condition, values = f"{condition} AND conversation_id < ?", [user_id, before]
    rest = f"{condition} ORDER BY conversation_id DESC LIMIT {limit + 1}"
    found = CONVERSATIONS.select(connection, rest, values)
    page = found[:limit]
    return page, page[-1].conversation_id if len(found) > limit else None


def feedback_about(connection: DuckDBPyConnection, message_id: str, user_id: str | None) -> list[Feedback]:
    """Every event about the message (as either of two), oldest first; only this user's when one is given."""
    condition, values = "WHERE (message_id = ? OR other_message_id = ?)", [message_id, message_id]
    if user_id is not None:
        condition, values = f"{condition} AND user_id = ?", [*values, user_id]
    return FEEDBACK.select(connection, f"{condition} ORDER BY created_at, feedback_id", values)
