"""Small values that tests build on: one bicycle shop, a few people, times a second apart."""

from datetime import UTC, datetime, timedelta
from typing import Any

from feedback.words import Adapter, Conversation, Feedback, FeedbackKind, Message, Promotion

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def conversation(name: str = "c1", user: str = "ann", second: float = 0, **more: Any) -> Conversation:
    return Conversation(conversation_id=name, user_id=user, created_at=at(second), **more)


def message(name: str, role: str, parent: str | None = None, **more: Any) -> Message:
    fields: dict[str, Any] = {"conversation_id": "c1", "content": f"text of {name}", "created_at": at(0), **more}
    return Message.model_validate({"message_id": name, "role": role, "parent_id": parent, **fields})


def exchange(prefix: str = "", conversation_id: str = "c1", second: float = 1) -> tuple[Message, Message]:
    """A question and its answer, called `<prefix>q` and `<prefix>a`."""
    question = message(f"{prefix}q", "user", conversation_id=conversation_id, created_at=at(second))
    answer = message(
        f"{prefix}a",
        "assistant",
        f"{prefix}q",
        conversation_id=conversation_id,
        created_at=at(second + 1),
        adapter_id="tiny",
        prompt_version="none",
        sampling={"temperature": 0.7, "stop": ["x"]},
        prompt_tokens=3,
        completion_tokens=5,
        first_token_ms=12.5,
        latency_ms=40.0,
        finish_reason="stop",
    )
    return question, answer


def thumb(name: str, message_id: str = "a", way: str = "up", user: str = "ann", **more: Any) -> Feedback:
    return feedback(name, FeedbackKind.THUMB, message_id, user, thumb=way, **more)


def feedback(name: str, kind: FeedbackKind, message_id: str = "a", user: str = "ann", **more: Any) -> Feedback:
    fields: dict[str, Any] = {"created_at": at(10), **more}
    return Feedback.model_validate(
        {"feedback_id": name, "kind": kind, "message_id": message_id, "user_id": user, **fields}
    )


def adapter(version: int, content_hash: str = "a" * 64, line: str = "main") -> Adapter:
    return Adapter(
        adapter_id=f"tiny--{line}-v{version:04d}-{content_hash[:8]}",
        line=line,
        version=version,
        base_id="tiny",
        base_hash="b" * 64,
        content_hash=content_hash,
        rank=4,
        run_id="run_1",
        dataset_hash="d" * 16,
        created_at=at(0),
    )


def promotion(name: str, action: str, adapter_id: str, incumbent_id: str = "tiny", line: str = "main") -> Promotion:
    return Promotion.model_validate(
        {
            "promotion_id": name,
            "line": line,
            "action": action,
            "adapter_id": adapter_id,
            "incumbent_id": incumbent_id,
            "decided_by": "operator",
            "decided_at": at(0),
            "reason": "because",
        }
    )
