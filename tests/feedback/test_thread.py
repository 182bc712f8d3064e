"""Turns find their place in the tree; regenerate and edit are noticed."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.errors import Corrupt, NotFound
from feedback.thread import children, path, place, prompt_version
from feedback.words import Conversation, Message, Turn, digest
from tests.feedback.example import at, conversation, message

LETTERS = {"s": "system", "u": "user", "a": "assistant"}


def tree(*edges: str) -> Conversation:
    """`tree("u1", "u1>a1")`: one edge a word; the first letter is the role; a message's text is its name up to `'`."""
    messages: list[Message] = []
    for second, edge in enumerate(edges):
        parent, _, name = edge.rpartition(">")
        text = name.split("'")[0]
        messages.append(message(name, LETTERS[name[0]], parent or None, content=text, created_at=at(second)))
    return conversation(messages=tuple(messages))


def turns(*names: str) -> list[Turn]:
    return [Turn.model_validate({"role": LETTERS[name.strip()[0]], "content": name}) for name in names]


TALK = ("s1", "s1>u1", "u1>a1", "u1>a2", "a2>u2", "u2>a3")


@pytest.mark.parametrize(
    ("edges", "sent", "known", "new", "replaced", "how"),
    [
        ((), ["u1"], [], ["u1"], None, None),
        ((), [], [], [], None, None),
        (TALK, [], [], [], None, None),
        # going on
        (TALK, ["s1", "u1", "a2", "u2", "a3", "u3"], ["s1", "u1", "a2", "u2", "a3"], ["u3"], None, None),
        (TALK, ["s1", "u1", "a1", "u2"], ["s1", "u1", "a1"], ["u2"], None, None),
        (TALK, [" s1\n", "u1 ", "a2", "u2", "a3", "u3"], ["s1", "u1", "a2", "u2", "a3"], ["u3"], None, None),
        # the same prompt again
        (TALK, ["s1", "u1"], ["s1", "u1"], [], "a2", "regenerate"),
        (TALK, ["s1", "u1", "a2", "u2"], ["s1", "u1", "a2", "u2"], [], "a3", "regenerate"),
        (("u1",), ["u1"], ["u1"], [], None, None),
        (TALK, ["s1", "u1", "a2"], ["s1", "u1", "a2"], [], None, None),
        # another prompt in its place
        (TALK, ["s1", "u9"], ["s1"], ["u9"], "a2", "edit"),
        (TALK, ["s1", "u1", "a2", "u9"], ["s1", "u1", "a2"], ["u9"], "a3", "edit"),
        (("u1", "u1>a1"), ["u9"], [], ["u9"], "a1", "edit"),
        (("u1",), ["u9"], [], ["u9"], None, None),
        (TALK, ["s9", "u1"], [], ["s9", "u1"], "a2", "edit"),
        (TALK, ["u1"], [], ["u1"], "a2", "edit"),
        (("u1", "u1>a1"), ["s9", "u1"], [], ["s9", "u1"], "a1", "edit"),
        # a reply that the conversation doesn't have is no edit of the prompt
        (TALK, ["s1", "u1", "a9", "u2"], ["s1", "u1"], ["a9", "u2"], None, None),
        # equal messages side by side: what fits more of the turns, then the newest
        (("u1", "u1>a1", "u1>a1'", "a1>u2"), ["u1", "a1", "u2"], ["u1", "a1", "u2"], [], None, None),
        (("u1", "u1>a1", "u1>a1'", "a1>u2"), ["u1", "a1", "u3"], ["u1", "a1'"], ["u3"], None, None),
        (("u1", "u1>a1", "u1>a1'"), ["u1"], ["u1"], [], "a1'", "regenerate"),
    ],
)
def test_place(
    edges: tuple[str, ...], sent: list[str], known: list[str], new: list[str], replaced: str | None, how: Any
) -> None:
    found = place(tree(*edges) if edges else None, turns(*sent))
    assert [one.message_id for one in found.known] == known
    assert [turn.content for turn in found.new] == new
    assert (found.replaced and found.replaced.message_id, found.how) == (replaced, how)
    assert found.parent_id == (known[-1] if known else None)


@st.composite
def trees(draw: st.DrawFn) -> Conversation:
    parents = draw(st.lists(st.integers(min_value=0, max_value=8), min_size=1, max_size=9))
    texts = draw(st.lists(st.sampled_from("xyz"), min_size=len(parents), max_size=len(parents)))
    messages: list[Message] = []
    for number, (chosen, text) in enumerate(zip(parents, texts, strict=True)):
        parent = messages[chosen - 1] if 0 < chosen <= number else None
        role = "assistant" if parent is not None and parent.role == "user" else "user"
        parent_id = parent.message_id if parent else None
        messages.append(message(f"m{number}", role, parent_id, content=text, created_at=at(number)))
    return conversation(messages=tuple(messages))


@given(talk=trees(), data=st.data())
def test_every_path_is_known_and_what_follows_it_is_new(talk: Conversation, data: st.DataObject) -> None:
    chosen = data.draw(st.sampled_from(talk.messages))
    way = path(talk, chosen.message_id)
    assert (way[0].parent_id, way[-1]) == (None, chosen)
    assert all(below.parent_id == above.message_id for above, below in pairwise(way))
    sent = [one.turn for one in way]
    found = place(talk, [*sent, Turn(role="user", content="never said")])
    assert [one.turn for one in found.known] == sent
    assert [turn.content for turn in found.new] == ["never said"]
    again = place(talk, sent)
    if chosen.role == "user" and any(one.role == "assistant" for one in children(talk, again.parent_id)):
        assert again.how == "regenerate"
        assert again.replaced in children(talk, again.parent_id)


@given(talk=trees(), data=st.data())
def test_the_order_of_the_messages_does_not_matter(talk: Conversation, data: st.DataObject) -> None:
    shuffled = talk.model_copy(update={"messages": tuple(data.draw(st.permutations(talk.messages)))})
    sent = [one.turn for one in path(talk, data.draw(st.sampled_from(talk.messages)).message_id)]
    for asked in (sent, sent[:-1], [*sent, Turn(role="user", content="new")]):
        assert place(shuffled, asked) == place(talk, asked)


def test_children_are_ordered_by_age() -> None:
    talk = tree("u2", "u1", "u2>a2", "u2>a1")
    assert [one.message_id for one in children(talk, None)] == ["u2", "u1"]
    assert [one.message_id for one in children(talk, "u2")] == ["a2", "a1"]
    assert children(talk, "u1") == ()


def test_a_path_needs_every_message_on_it() -> None:
    with pytest.raises(NotFound, match="u9"):
        path(tree("u1"), "u9")
    with pytest.raises(Corrupt, match="u9"):
        path(tree("u1", "u9>a1"), "a1")
    with pytest.raises(Corrupt):
        path(tree("a1>u1", "u1>a1"), "a1")


def test_the_prompt_version_is_the_system_prompts() -> None:
    assert prompt_version(turns("u1")) == prompt_version([]) == "none"
    assert prompt_version(turns("s1", "u1")) == digest("s1")[:8] == prompt_version(turns("s1", "u2"))
    assert prompt_version(turns("s1")) != prompt_version(turns("s2"))
