"""One exchange: what was asked, where it belongs in the conversation's tree, what was answered. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from feedback.errors import UpstreamFailed
from feedback.thread import Placement
from feedback.words import Conversation, Feedback, FeedbackKind, Message, Receipt, Turn

TITLE_CHARS = 80


@dataclass(frozen=True)
class Call:
    """A request that has been routed and placed. Ids and the time are given, so that its outcome is determined."""

    user_id: str
    alias: str
    adapter_id: str
    conversation: Conversation  # the one it continues, or the one it begins
    placement: Placement
    prompt_version: str
    sampling: dict[str, Any]
    turns: tuple[Turn, ...]
    message_id: str  # of the reply
    turn_ids: tuple[str, ...]  # of the new turns
    feedback_id: str
    at: datetime
    store: bool = True
    show_usage: bool = False

    @property
    def receipt(self) -> Receipt:
        return Receipt(
            message_id=self.message_id,
            conversation_id=self.conversation.conversation_id,
            adapter_id=self.adapter_id,
        )

    def upstream_body(self, stream: bool) -> dict[str, Any]:
        """What vLLM is asked: the routed name and nothing of the caller's but turns and checked sampling."""
        body = {
            "model": self.adapter_id,
            "messages": [turn.model_dump() for turn in self.turns],
            "request_id": self.message_id,
            **self.sampling,
        }
        return body | {"stream": True, "stream_options": {"include_usage": True}} if stream else body


@dataclass(frozen=True)
class Reply:
    """What came back. Token counts are None when the reply broke off before vLLM told them."""

    content: str
    finish_reason: str | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token_ms: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True)
class Exchange:
    """What is stored of it, at once or not at all."""

    conversation: Conversation
    messages: tuple[Message, ...]
    feedback: tuple[Feedback, ...] = field(default=())


def exchange(call: Call, reply: Reply) -> Exchange:
    """The new turns, the reply below them, and the regenerate or edit that this was of an earlier reply."""
    messages: list[Message] = []
    parent_id = call.placement.parent_id
    for index, (message_id, turn) in enumerate(zip(call.turn_ids, call.placement.new, strict=True)):
        messages.append(
            Message(
                message_id=message_id,
                conversation_id=call.conversation.conversation_id,
                parent_id=parent_id,
                role=turn.role,
                content=turn.content,
                created_at=_after(call.at, index),
            )
        )
        parent_id = message_id
    messages.append(
        Message(
            message_id=call.message_id,
            conversation_id=call.conversation.conversation_id,
            parent_id=parent_id,
            role="assistant",
            content=reply.content,
            created_at=_after(call.at, len(messages)),
            adapter_id=call.adapter_id,
            prompt_version=call.prompt_version,
            sampling=call.sampling,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            first_token_ms=reply.first_token_ms,
            latency_ms=reply.latency_ms,
            finish_reason=reply.finish_reason,
        )
    )
    return Exchange(call.conversation, tuple(messages), _noticed(call))


def read_whole(answer: dict[str, Any], latency_ms: float) -> Reply:
    """The reply in vLLM's answer to a request that was not streamed."""
    try:
        choice, usage = answer["choices"][0], answer["usage"]
        return Reply(
            content=choice["message"]["content"] or "",
            finish_reason=choice["finish_reason"],
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
            latency_ms=latency_ms,
        )
    except (KeyError, IndexError, TypeError) as wrong:
        raise UpstreamFailed(f"vLLM's reply has an unknown form ({wrong!r}); nothing was stored") from wrong


def read_stream(chunks: Sequence[Any], adapter_id: str, first_token_ms: float, latency_ms: float) -> Reply:
    """The reply that the chunks of a stream add up to. UpstreamFailed when one of them is another model's.

    `finish_reason` is None when the stream ended before it said one.
    """
    texts: list[str] = []
    finish_reason: str | None = None
    usage: dict[str, int] = {}
    try:
        for chunk in chunks:
            if chunk["model"] != adapter_id:
                raise UpstreamFailed(f"vLLM streamed as {chunk['model']!r}, '{adapter_id}' was asked for")
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                texts.append(choice["delta"].get("content") or "")
                finish_reason = choice.get("finish_reason") or finish_reason
        return Reply(
            content="".join(texts),
            finish_reason=finish_reason,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            first_token_ms=first_token_ms,
            latency_ms=latency_ms,
        )
    except (KeyError, TypeError, AttributeError) as wrong:
        raise UpstreamFailed(f"vLLM's stream has an unknown form ({wrong!r})") from wrong


def title(turns: Sequence[Turn]) -> str:
    """The first thing the person said, on one line, cut to TITLE_CHARS characters."""
    said = next((" ".join(turn.content.split()) for turn in turns if turn.role == "user"), "")
    return said if len(said) <= TITLE_CHARS else said[: TITLE_CHARS - 1].rstrip() + "…"


def _noticed(call: Call) -> tuple[Feedback, ...]:
    replaced, how = call.placement.replaced, call.placement.how
    if replaced is None or how is None:
        return ()
    return (
        Feedback(
            feedback_id=call.feedback_id,
            kind=FeedbackKind(how),
            message_id=replaced.message_id,
            other_message_id=call.message_id,
            user_id=call.user_id,
            created_at=_after(call.at, len(call.placement.new) + 1),
            source="chat",
        ),
    )


def _after(at: datetime, steps: int) -> datetime:
    """The same moment, but in order: turns that arrive together are a microsecond apart."""
    return at + timedelta(microseconds=steps)
