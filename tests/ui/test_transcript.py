"""A Conversation's tree as what the page shows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.words import Conversation, Message
from ui.transcript import (
    TAG,
    Shown,
    chatbot_messages,
    escape_tags,
    newest_path,
    reply_with_text,
    thumb_marks,
    unescape_tags,
)

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def message(message_id, parent_id, role="user", minute=0):
    return Message(
        message_id=message_id,
        conversation_id="conv_1",
        parent_id=parent_id,
        role=role,
        content=f"text of {message_id}",
        created_at=START + timedelta(minutes=minute),
        adapter_id="base" if role == "assistant" else None,
    )


def path_ids(*messages):
    conversation = Conversation(conversation_id="conv_1", user_id="ann", created_at=START, messages=messages)
    return [entry.message_id for entry in newest_path(conversation)]


PROMPT = message("u1", None, minute=0)
REPLY = message("a1", "u1", "assistant", minute=1)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((), []),
        ((PROMPT,), ["u1"]),
        ((PROMPT, REPLY), ["u1", "a1"]),
        ((REPLY, PROMPT), ["u1", "a1"]),
        ((PROMPT, REPLY, message("a2", "u1", "assistant", 2)), ["u1", "a2"]),  # regenerated
        ((PROMPT, REPLY, message("u2", None, minute=2), message("a2", "u2", "assistant", 3)), ["u2", "a2"]),  # edited
        ((PROMPT, message("a9", "u1", "assistant", 1), message("a8", "u1", "assistant", 1)), ["u1", "a9"]),  # same time
        ((message("s1", None, "system"), message("u1", "s1", minute=1)), ["u1"]),
        ((message("u5", "gone", minute=1),), ["u5"]),
        ((message("x", "y"), message("y", "x", minute=1)), ["x", "y"]),  # a loop ends
    ],
)
def test_the_path_that_ends_in_the_newest_message_is_shown(messages, expected):
    assert path_ids(*messages) == expected


def test_rows_keep_the_index_of_the_path_and_name_the_message():
    rows = chatbot_messages([Shown("user", "Hi"), Shown("assistant", "Hello", "a1", "base")])
    assert [row["role"] for row in rows] == ["user", "assistant"]
    assert rows[0]["metadata"] == {}
    assert rows[1]["metadata"] == {"id": "a1"}
    assert rows[1]["content"] == [{"type": "text", "text": "Hello"}]


@pytest.mark.parametrize(
    ("path", "offered"),
    [
        ([], 0),
        ([Shown("user", "Hi")], 0),
        ([Shown("user", "Hi"), Shown("assistant", "Hello", "a1")], 1),
        ([Shown("user", "Hi"), Shown("assistant", "Hello")], 0),
        ([Shown("assistant", "Hello", "a1"), Shown("user", "Hi")], 0),
    ],
)
def test_a_better_answer_is_offered_for_the_last_reply_only(path, offered):
    assert sum(len(row.get("options", ())) for row in chatbot_messages(path)) == offered
    assert not any("options" in row for row in chatbot_messages(path, offer_correction=False))


def test_a_reply_of_nothing_says_so():
    [row] = chatbot_messages([Shown("assistant", " \n", "a1")])
    assert "Stopped" in row["content"][0]["text"]


def test_thumbs_stand_at_their_replies():
    path = [
        Shown("user", "1"),
        Shown("assistant", "2", "a1"),
        Shown("assistant", "3", "a2"),
        Shown("assistant", "4", "a3"),
    ]
    assert thumb_marks(path, {"a1": "down", "a3": "up"}) == ["Dislike", None, "Like"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello", "a2"),
        ("Hello ", "a2"),
        ("Use \\<b>", "a3"),
        ("Hi", None),  # one's own message
        ("nothing like it", None),
    ],
)
def test_a_copied_text_is_the_newest_reply_that_shows_it(text, expected):
    path = [
        Shown("assistant", "Hello", "a1"),
        Shown("user", "Hi"),
        Shown("assistant", "Hello", "a2"),
        Shown("assistant", "Use <b>", "a3"),
    ]
    found = reply_with_text(path, text)
    assert (found.message_id if found else None) == expected


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("2 < 3 and 4 <5", "2 < 3 and 4 <5"),
        ("<script>alert(1)</script>", r"\<script>alert(1)\</script>"),
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)>"),
        ("<!-- a --><?php", r"\<!-- a -->\<?php"),
        (r"\<b>", r"\<b>"),
        (r"\\<b>", r"\\\<b>"),
        ("`<b>`", "`<b>`"),
        ("``a ` <b>`` <i>", r"``a ` <b>`` \<i>"),
        ("`open <b>", r"`open \<b>"),
        ("`one\n\ntwo` <b>", "`one\n\ntwo` \\<b>"),
        ("```html\n<b>\n```\n<i>", "```html\n<b>\n```\n\\<i>"),
        ("```html\n<b> still coming", "```html\n<b> still coming"),
        ("~~~\n<b>\n~~~", "~~~\n<b>\n~~~"),
    ],
)
def test_tags_outside_code_are_escaped_and_come_back(raw, shown):
    assert escape_tags(raw) == shown
    if raw != r"\<b>":  # a tag somebody escaped themselves loses its backslash when they edit it
        assert unescape_tags(shown) == raw


MARKDOWN = st.text(alphabet="ab<>/!`~\\ \n", max_size=60)


@given(MARKDOWN)
def test_escaping_twice_changes_nothing_more(text):
    assert escape_tags(escape_tags(text)) == escape_tags(text)


@given(st.text(alphabet="ab<>/!\\ \n", max_size=60))
def test_without_code_no_tag_stays_open(text):
    assert all(len(tag[1]) % 2 for tag in TAG.finditer(escape_tags(text)))
