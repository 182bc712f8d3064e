"""What a chat request asks for, freed from OpenAI's many ways to say it. Pure."""

from dataclasses import dataclass
from typing import Any

from feedback.words import Turn
from serve.chat_bodies import ChatMessage, ChatRequest, NotOffered, Sampling
from serve.problems import BadRequest

HARMLESS: dict[str, tuple[Any, ...]] = {"tool_choice": ("none", "auto"), "function_call": ("none", "auto")}


@dataclass(frozen=True)
class Asked:
    """A checked request. `sampling` holds only parameters that vLLM may see, as the caller gave them."""

    model: str
    turns: tuple[Turn, ...]
    sampling: dict[str, Any]
    conversation_id: str | None
    stream: bool
    show_usage: bool
    store: bool


def read(body: ChatRequest, max_turn_chars: int) -> Asked:
    """The request's meaning. Raises BadRequest, naming the field, for what is not offered here."""
    for name in NotOffered.model_fields:
        value = getattr(body, name)
        if value not in (None, [], {}) and value not in HARMLESS.get(name, ()):
            raise BadRequest(f"'{name}' is not offered by this gateway; leave it out", name, "unsupported_parameter")
    if body.stream_options is not None and not body.stream:
        raise BadRequest("'stream_options' needs 'stream': true", "stream_options")
    if body.top_logprobs and not body.logprobs:
        raise BadRequest("'top_logprobs' needs 'logprobs': true", "top_logprobs")
    turns = tuple(_turn(message, index, max_turn_chars) for index, message in enumerate(body.messages))
    if turns[-1].role != "user":
        raise BadRequest(
            f"the last message is the {turns[-1].role}'s; it must be the user's",
            f"messages[{len(turns) - 1}].role",
        )
    options = body.stream_options
    return Asked(
        model=body.model,
        turns=turns,
        sampling=body.model_dump(include=set(Sampling.model_fields), exclude_none=True),
        conversation_id=body.conversation_id,
        stream=bool(body.stream),
        show_usage=bool(options and options.include_usage),
        store=body.store is not False,
    )


def _turn(message: ChatMessage, index: int, max_turn_chars: int) -> Turn:
    content = message.content
    if not isinstance(content, str):
        content = "\n".join(part.text for part in content)
    where = f"messages[{index}].content"
    if not content.strip() and message.role != "assistant":
        raise BadRequest(f"{where} is empty; say something", where)
    if len(content) > max_turn_chars:
        raise BadRequest(
            f"{where} has {len(content)} characters, the limit is {max_turn_chars}; shorten it",
            where,
            "string_above_max_length",
        )
    return Turn(role="system" if message.role == "developer" else message.role, content=content)
