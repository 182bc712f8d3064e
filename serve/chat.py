"""Chat completions and the models that may be asked for, in OpenAI's shapes."""

import time
from datetime import datetime

from anyio import to_thread
from fastapi import APIRouter, Response

from feedback import thread
from feedback.errors import Conflict, NotFound
from feedback.ids import new_id
from feedback.words import AccessRole, Conversation
from serve.answer import StreamedAnswer, WholeAnswer
from serve.asked import Asked, read
from serve.auth import Caller, User
from serve.bodies import Responses, openai_errors
from serve.chat_bodies import ChatCompletion, ChatRequest, Model, ModelList
from serve.exchange import Call, title
from serve.parts import Gateway, Parts, now
from serve.routing import Route, Served, route

router = APIRouter(tags=["chat"])
REPLY: Responses = {
    200: {
        "description": "The reply, or with `stream: true` its chunks as server-sent events. Headers: "
        "x-ratchet-conversation-id, x-ratchet-message-id, x-ratchet-adapter",
        "model": ChatCompletion,
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "/v1/chat/completions",
    response_model=None,
    responses=REPLY | openai_errors(400, 401, 403, 404, 409, 413, 502, 503, 507),
)
async def chat(body: ChatRequest, caller: User, gateway: Gateway) -> Response:
    """A reply by the adapter that is live on the asked line, stored with what was asked before it is acknowledged."""
    started, at = time.perf_counter(), now()
    asked = read(body, gateway.settings.max_turn_chars)
    conversation = await _continued(gateway, caller, asked)
    routed = route(asked.model, caller.role, gateway.lines.served)
    gateway.reconciler.check_wanted(routed.adapter_id)
    call = _place(caller, asked, routed, conversation or _begun(gateway, caller, asked, routed, at), at)
    kind = StreamedAnswer if asked.stream else WholeAnswer
    return kind(call, gateway.desk, started)


@router.get("/v1/models", responses=openai_errors(401))
async def models(caller: User, gateway: Gateway) -> ModelList:
    """The aliases, one for each line; for operators the base and every adapter too."""
    return ModelList(data=[Model(id=name) for name in visible(caller.role, gateway.lines.served)])


def visible(role: AccessRole, served: Served) -> list[str]:
    """The model names that somebody of this role may ask for."""
    more = [served.base_id, *sorted(served.adapters)] if role is AccessRole.OPERATOR else []
    return [*sorted(served.heads), *more]


async def _continued(gateway: Parts, caller: Caller, asked: Asked) -> Conversation | None:
    """The caller's own conversation that the request continues. NotFound when it isn't theirs."""
    if asked.conversation_id is None:
        return None
    found = await to_thread.run_sync(gateway.store.conversation, asked.conversation_id)
    if found is None or found.user_id != caller.user_id:
        raise NotFound(f"there is no conversation {asked.conversation_id} of {caller.user_id}; leave the field out")
    return found


def _begun(gateway: Parts, caller: Caller, asked: Asked, routed: Route, at: datetime) -> Conversation:
    return Conversation(
        conversation_id=new_id("conv", at),
        user_id=caller.user_id,
        line=routed.line or gateway.lines.names[0],
        title=title(asked.turns),
        created_at=at,
    )


def _place(caller: Caller, asked: Asked, routed: Route, conversation: Conversation, at: datetime) -> Call:
    """The request at its place in the conversation's tree, with the ids that what is new will have."""
    if routed.line is not None and routed.line != conversation.line:
        raise Conflict(
            f"conversation {conversation.conversation_id} is of line '{conversation.line}', the model of "
            f"'{routed.line}'; start a new conversation"
        )
    placement = thread.place(conversation if conversation.messages else None, asked.turns)
    return Call(
        user_id=caller.user_id,
        alias=asked.model,
        adapter_id=routed.adapter_id,
        conversation=conversation,
        placement=placement,
        prompt_version=thread.prompt_version(asked.turns),
        sampling=asked.sampling,
        turns=asked.turns,
        message_id=new_id("msg", at),
        turn_ids=tuple(new_id("msg", at) for _ in placement.new),
        feedback_id=new_id("fb", at),
        at=at,
        store=asked.store,
        show_usage=asked.show_usage,
    )
