"""What is stored of a request and its reply."""

from typing import Any

import pytest

from feedback.errors import UpstreamFailed
from feedback.thread import Placement, place
from feedback.words import Conversation, FeedbackKind, Message, Turn
from serve.exchange import Call, Reply, exchange, read_stream, read_whole, title
from tests.feedback.example import at, conversation, message

USER, SYSTEM = Turn(role="user", content="hello"), Turn(role="system", content="be kind")
REPLY = Reply("hi", "stop", 3, 1, 5.0, 9.0)


def call(placement: Placement, turns: tuple[Turn, ...], conversation: Conversation) -> Call:
    return Call(
        user_id="ann",
        alias="main",
        adapter_id="tiny",
        conversation=conversation,
        placement=placement,
        prompt_version="none",
        sampling={"seed": 1},
        turns=turns,
        message_id="reply",
        turn_ids=tuple(f"new{n}" for n in range(len(placement.new))),
        feedback_id="noticed",
        at=at(5),
    )


def test_new_turns_hang_below_each_other_in_order_and_the_reply_below_them() -> None:
    made = exchange(call(place(None, [SYSTEM, USER]), (SYSTEM, USER), conversation()), REPLY)
    assert [(one.message_id, one.parent_id, one.role) for one in made.messages] == [
        ("new0", None, "system"),
        ("new1", "new0", "user"),
        ("reply", "new1", "assistant"),
    ]
    times = [one.created_at for one in made.messages]
    assert times == sorted(set(times))
    assert made.messages[-1].sampling == {"seed": 1}
    assert made.feedback == ()


@pytest.mark.parametrize(
    ("turns", "kind", "stored"),
    [
        ((USER,), FeedbackKind.REGENERATE, ["reply"]),
        ((Turn(role="user", content="good day"),), FeedbackKind.EDIT, ["new0", "reply"]),
    ],
)
def test_a_replaced_reply_is_noticed(turns: tuple[Turn, ...], kind: FeedbackKind, stored: list[str]) -> None:
    before: tuple[Message, ...] = (message("q", "user", content="hello"), message("a", "assistant", "q"))
    known = conversation(messages=before)
    made = exchange(call(place(known, turns), turns, known), REPLY)
    assert [one.message_id for one in made.messages] == stored
    (noticed,) = made.feedback
    assert (noticed.kind, noticed.message_id, noticed.other_message_id) == (kind, "a", "reply")
    assert (noticed.source, noticed.user_id) == ("chat", "ann")


def test_vllm_is_asked_with_the_routed_name() -> None:
    asked = call(place(None, [USER]), (USER,), conversation())
    body = asked.upstream_body(stream=False)
    assert body == {"model": "tiny", "messages": [USER.model_dump()], "request_id": "reply", "seed": 1}
    more = {"stream": True, "stream_options": {"include_usage": True}}
    assert asked.upstream_body(stream=True) == body | more


CHUNK: dict[str, Any] = {"model": "tiny", "choices": [{"delta": {"content": "hi"}, "finish_reason": None}]}


def test_a_stream_adds_up() -> None:
    first = {"model": "tiny", "choices": [{"delta": {"role": "assistant"}}]}
    last = {"model": "tiny", "choices": [{"delta": {"content": None}, "finish_reason": "length"}]}
    usage = {"model": "tiny", "choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}
    whole = read_stream([first, CHUNK, CHUNK, last, usage], "tiny", 1.0, 2.0)
    assert whole == Reply("hihi", "length", 4, 2, 1.0, 2.0)
    assert read_stream([first, CHUNK], "tiny", 1.0, 2.0) == Reply("hi", None, None, None, 1.0, 2.0)


@pytest.mark.parametrize("bad", [CHUNK | {"model": "other"}, {"choices": []}, {"model": "tiny", "choices": 1}, None, 5])
def test_a_stream_of_another_model_or_form_is_refused(bad: Any) -> None:
    with pytest.raises(UpstreamFailed):
        read_stream([CHUNK, bad], "tiny", 1.0, 2.0)


@pytest.mark.parametrize("bad", [{}, {"choices": []}, {"choices": [{}], "usage": {}}, {"choices": None, "usage": {}}])
def test_an_answer_of_another_form_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailed):
        read_whole(bad, 1.0)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((SYSTEM, USER), "hello"),
        ((Turn(role="user", content="two\n lines "),), "two lines"),
        ((Turn(role="user", content="x" * 200),), "x" * 79 + "…"),
        ((SYSTEM,), ""),
    ],
)
def test_the_title_is_what_was_said_first(turns: tuple[Turn, ...], expected: str) -> None:
    assert title(turns) == expected
