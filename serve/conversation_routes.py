"""One's own conversations, read back."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query

from feedback.errors import NotFound
from feedback.words import Conversation
from serve.auth import User
from serve.bodies import ConversationPage, Id, problems
from serve.parts import Gateway

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])
Limit = Annotated[int, Query(ge=1, le=200)]
Before = Annotated[Id | None, Query()]


@router.get("", responses=problems(401, 422))
async def newest(caller: User, gateway: Gateway, limit: Limit = 50, before: Before = None) -> ConversationPage:
    """A page of the caller's conversations, newest first, without messages."""
    page, following = await to_thread.run_sync(gateway.store.conversations, caller.user_id, limit, before)
    return ConversationPage(conversations=page, next=following)


@router.get("/{conversation_id}", responses=problems(401, 404, 422))
async def one(conversation_id: Id, caller: User, gateway: Gateway) -> Conversation:
    """The conversation with its messages, oldest first; they form a tree by `parent_id`."""
    found = await to_thread.run_sync(gateway.store.conversation, conversation_id)
    if found is None or found.user_id != caller.user_id:
        raise NotFound(f"there is no conversation {conversation_id} of {caller.user_id}")
    return found
