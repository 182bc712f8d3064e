"""Feedback about one's own replies: given, read back, withdrawn."""

import asyncio
from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import ValidationError

from feedback.errors import Invalid, NotFound
from feedback.ids import new_id
from feedback.words import Feedback, FeedbackKind
from serve.auth import User
from serve.bodies import FeedbackBody, FeedbackList, Id, problems
from serve.parts import Gateway, now
from serve.problems import from_validation

router = APIRouter(prefix="/v1/feedback", tags=["feedback"])
NOTICED = (FeedbackKind.REGENERATE, FeedbackKind.EDIT)


@router.post("", status_code=201, responses=problems(400, 401, 404, 413, 422, 503, 507))
async def give(body: FeedbackBody, caller: User, gateway: Gateway) -> Feedback:
    """The judgement, stored durably."""
    if body.kind in NOTICED:
        raise Invalid(f"'{body.kind}' is noticed by the gateway itself when the conversation goes on; don't send it")
    at = now()
    feedback = judged(body, new_id("fb", at), caller.user_id, at)
    return await asyncio.wrap_future(gateway.store.add_feedback(feedback))


@router.get("", responses=problems(401, 422))
async def about(message_id: Annotated[Id, Query()], caller: User, gateway: Gateway) -> FeedbackList:
    """The caller's own feedback about a message, oldest first, with what was superseded and withdrawn."""
    return FeedbackList(
        feedback=await to_thread.run_sync(gateway.store.feedback_about, message_id, caller.user_id),
    )


@router.delete("/{feedback_id}", responses=problems(401, 404, 422, 503, 507))
async def withdraw(feedback_id: Id, caller: User, gateway: Gateway) -> Feedback:
    """The withdrawal, which is itself a Feedback; the first one when it was withdrawn before."""
    given = await to_thread.run_sync(gateway.store.feedback, feedback_id)
    if given is None or given.user_id != caller.user_id:
        raise NotFound(f"there is no feedback {feedback_id} of {caller.user_id}")
    others = await to_thread.run_sync(gateway.store.feedback_about, given.message_id, caller.user_id)
    for other in others:
        if other.withdrawn and feedback_id in (other.supersedes, other.feedback_id):
            return other
    at = now()
    return await asyncio.wrap_future(gateway.store.add_feedback(withdrawal(given, new_id("fb", at), at)))


def judged(body: FeedbackBody, feedback_id: str, user_id: str, at: datetime) -> Feedback:
    """The word for what the body says. Invalid when it lacks what its kind needs or has what its kind hasn't."""
    try:
        return Feedback(**body.model_dump(), feedback_id=feedback_id, user_id=user_id, created_at=at)
    except ValidationError as wrong:
        raise from_validation(wrong) from wrong


def withdrawal(given: Feedback, feedback_id: str, at: datetime) -> Feedback:
    return Feedback(
        feedback_id=feedback_id,
        kind=given.kind,
        message_id=given.message_id,
        other_message_id=given.other_message_id,
        user_id=given.user_id,
        created_at=at,
        source=given.source,
        supersedes=given.feedback_id,
        withdrawn=True,
    )
