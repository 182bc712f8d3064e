"""A stream's bytes: cut at whole events, made to read as ours, parsed at the end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.errors import UpstreamFailed
from serve.sse import DONE, event, payloads, rewrite_like, take_whole


def chunk(text: str, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {"content": text}}]
    return {"id": "chatcmpl-msg_1", "model": "tiny--main-v0001-aaaaaaaa", "choices": choices} | more


@given(st.lists(st.text()), st.lists(st.integers(1, 40)))
def test_however_it_is_cut_the_events_are_whole_and_none_is_lost(texts: list[str], sizes: list[int]) -> None:
    stream = b"".join(event(chunk(text)) for text in texts) + DONE
    buffer, found, position = bytearray(), [], 0
    for size in [*sizes, len(stream)]:
        buffer += stream[position : position + size]
        position += size
        found.append(take_whole(buffer))
    assert all(not part or part.endswith(b"\n\n") for part in found)
    assert (b"".join(found), buffer) == (stream, b"")
    assert payloads(stream) == [chunk(text) for text in texts]


@given(st.lists(st.text()))
def test_rewriting_changes_the_two_fields_and_no_text(texts: list[str]) -> None:
    hostile = ['"model":"tiny--main-v0001-aaaaaaaa"', '"id":"chatcmpl-msg_1"', '"choices":[]', "data: [DONE]\n\n"]
    chunks = [chunk(text) for text in ["", *texts, *hostile]]
    events = [event(one) for one in chunks]
    rewrite = rewrite_like(events[0], "msg_1", "main", show_usage=False)
    read = payloads(b"".join(rewrite(one) for one in events))
    assert read == [one | {"id": "msg_1", "model": "main"} for one in chunks]


@pytest.mark.parametrize("show", [True, False])
def test_usage_is_shown_when_it_was_asked_for(show: bool) -> None:
    usage = chunk("", choices=[], usage={"prompt_tokens": 1})
    stream = event(chunk("a")) + event(usage) + event(chunk("b"))
    read = payloads(rewrite_like(event(chunk("")), "msg_1", "main", show)(stream))
    assert [one.get("usage") for one in read] == ([None, {"prompt_tokens": 1}, None] if show else [None, None])


@pytest.mark.parametrize("written", [b'data: {"id" : "x", "model": "y"}\n\n', b'data: {"object":"error"}\n\n'])
def test_a_form_that_is_not_known_is_refused(written: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="unknown"):
        rewrite_like(written, "msg_1", "main", show_usage=True)


def test_an_event_that_is_no_json_is_refused() -> None:
    with pytest.raises(UpstreamFailed, match="no JSON"):
        payloads(b"data: {\n\n")
    assert payloads(b": a comment\n\n" + event({"a": 1})) == [json.loads('{"a": 1}')]
