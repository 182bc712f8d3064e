"""What feedback becomes, by cases and by properties."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.curate import Curated, curate
from feedback.policy import CurationPolicy
from feedback.similar import clusters
from feedback.snapshot import Snapshot, SnapshotManifest
from feedback.split import question
from feedback.words import Conversation, Evidence, Feedback, FeedbackKind, KTOExample, PreferencePair, Turn
from tests.feedback.example import at, conversation, feedback, message, thumb

MANIFEST = SnapshotManifest(snapshot_id="snap_1", created_at=at(0), tables={}, files={})
POLICY = CurationPolicy()
REGENERATE, CORRECTION, COMPARISON = FeedbackKind.REGENERATE, FeedbackKind.CORRECTION, FeedbackKind.COMPARISON


def snapshot(feedback_events: Sequence[Feedback], *conversations: Conversation) -> Snapshot:
    return Snapshot(manifest=MANIFEST, conversations=conversations, feedback=tuple(feedback_events))


def talk(**changes: Any) -> Conversation:
    """Ann asks `q` and gets the replies `a` and `b`; then she asks `q2` under `b` and gets `c`."""
    messages = {
        "s": message("s", "system", content="Be brief."),
        "q": message("q", "user", "s", content="Do you sell bells?"),
        "a": message("a", "assistant", "q", content="No.", created_at=at(1)),
        "b": message("b", "assistant", "q", content="We do.", created_at=at(2)),
        "q2": message("q2", "user", "b", content="How much are they?", created_at=at(3)),
        "c": message("c", "assistant", "q2", content="Nine euros.", created_at=at(4)),
    }
    changed = [one.model_copy(update=changes.get(name, {})) for name, one in messages.items()]
    return conversation(messages=tuple(changed))


def corrected(name: str, message_id: str, text: str, **more: Any) -> Feedback:
    return feedback(name, CORRECTION, message_id, correction=text, **more)


def compared(name: str, winner: str, first: str = "a", second: str = "b", **more: Any) -> Feedback:
    return feedback(name, COMPARISON, first, other_message_id=second, winner=winner, **more)


def regenerated(name: str, old: str = "a", new: str | None = "b") -> Feedback:
    return feedback(name, REGENERATE, old, other_message_id=new)


def described(found: Curated) -> list[str]:
    """Each example in one line: kind, text, evidence."""
    lines = [f"sft {one.completion} <{','.join(one.feedback_ids)}>" for one in found.sft]
    lines += [f"{one.reason}: {one.chosen} > {one.rejected} <{','.join(one.feedback_ids)}>" for one in found.pairs]
    return lines + [
        f"kto {'+' if one.desirable else '-'} {one.completion} <{','.join(one.feedback_ids)}>" for one in found.kto
    ]


CASES: list[tuple[str, list[Feedback], list[str], dict[str, int]]] = [
    ("nothing judged", [], [], {}),
    ("liked", [thumb("f1")], ["sft No. <f1>", "kto + No. <f1>"], {}),
    ("lone thumb down", [thumb("f1", way="down")], ["kto - No. <f1>"], {}),
    ("many stars", [feedback("f1", FeedbackKind.STARS, stars=4)], ["sft No. <f1>"], {}),
    ("middling stars", [feedback("f1", FeedbackKind.STARS, stars=3)], [], {"stars_alone": 1}),
    ("few stars", [feedback("f1", FeedbackKind.STARS, stars=1)], [], {"stars_alone": 1}),
    ("corrected", [corrected("f1", "a", "Yes!")], ["sft Yes! <f1>", "correction: Yes! > No. <f1>"], {}),
    ("corrected to the same", [corrected("f1", "a", " No. ")], [], {"correction_equals_reply": 1}),
    (
        "liked and corrected",
        [thumb("f1"), corrected("f2", "a", "Yes!")],
        ["sft Yes! <f2>", "correction: Yes! > No. <f2>", "kto + No. <f1>"],
        {"liked_and_corrected": 1},
    ),
    (
        "liked by one and disliked by another",
        [thumb("f1"), thumb("f2", way="down", user="bob", source="argilla")],
        [],
        {"contradictory": 2},
    ),
    ("compared", [compared("f1", "a")], ["comparison: No. > We do. <f1>"], {}),
    ("compared the other way", [compared("f1", "b")], ["comparison: We do. > No. <f1>"], {}),
    ("tie", [compared("f1", "tie")], [], {"tie": 1}),
    ("both bad", [compared("f1", "both_bad")], [], {"both_bad": 1}),
    ("compared across prompts", [compared("f1", "a", "a", "c")], [], {"comparison_prompts_differ": 1}),
    (
        "compared to opposite ends",
        [compared("f1", "a"), compared("f2", "b", user="bob", source="argilla")],
        [],
        {"contradictory": 2},
    ),
    (
        "compared alike by two",
        [compared("f1", "a"), compared("f2", "b", "b", "a", user="bob", source="argilla")],
        ["comparison: No. > We do. <f1>"],
        {"duplicate": 1},
    ),
    ("regenerated", [regenerated("f1")], [], {"regenerate_alone": 1}),
    (
        "regenerated, then liked",
        [regenerated("f1"), thumb("f2", "b")],
        ["sft We do. <f2>", "regenerate_then_liked: We do. > No. <f1,f2>", "kto + We do. <f2>"],
        {},
    ),
    (
        "regenerated, both liked",
        [regenerated("f1"), thumb("f2", "b"), thumb("f3", "a")],
        ["sft No. <f3>", "sft We do. <f2>", "kto + No. <f3>", "kto + We do. <f2>"],
        {"regenerate_alone": 1},
    ),
    (
        "regenerated, the first disliked",
        [regenerated("f1"), thumb("f2", "b"), thumb("f3", "a", "down")],
        [
            "sft We do. <f2>",
            "regenerate_then_liked: We do. > No. <f1,f2>",
            "kto - No. <f3>",
            "kto + We do. <f2>",
        ],
        {"duplicate": 1},
    ),
    ("regenerated into nothing", [regenerated("f1", "a", None)], [], {"regenerate_alone": 1}),
    (
        "thumbs apart",
        [thumb("f1", "a"), thumb("f2", "b", "down")],
        ["sft No. <f1>", "thumbs_apart: No. > We do. <f1,f2>", "kto + No. <f1>", "kto - We do. <f2>"],
        {},
    ),
    (
        "thumbs apart on different prompts",
        [thumb("f1", "a"), thumb("f2", "c", "down")],
        ["sft No. <f1>", "kto + No. <f1>", "kto - Nine euros. <f2>"],
        {},
    ),
    (
        "thumbs say the opposite of the comparison",
        [thumb("f1", "a"), thumb("f2", "b", "down"), compared("f3", "b")],
        ["sft No. <f1>", "kto + No. <f1>", "kto - We do. <f2>"],
        {"contradictory": 2},
    ),
    ("amended", [thumb("f1"), thumb("f2", way="down", created_at=at(11))], ["kto - No. <f2>"], {"superseded": 1}),
    ("a comment", [feedback("f1", FeedbackKind.COMMENT, comment="Hm.")], [], {"comment_alone": 1}),
    ("copied", [feedback("f1", FeedbackKind.COPY)], [], {"copy_alone": 1}),
    ("edited", [feedback("f1", FeedbackKind.EDIT, other_message_id="c")], [], {"edit_alone": 1}),
    ("unknown message", [thumb("f1", "gone")], [], {"message_missing": 1}),
    ("a question judged", [thumb("f1", "q")], [], {"not_a_reply": 1}),
    ("compared with an unknown one", [compared("f1", "a", "a", "gone")], [], {"comparison_prompts_differ": 1}),
]


@pytest.mark.parametrize(("events", "examples", "drops"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_cases(events: list[Feedback], examples: list[str], drops: dict[str, int]) -> None:
    found = curate(snapshot(events, talk()), POLICY, "main")
    assert described(found) == examples
    assert found.drops == drops


LIKED, CHOSEN = thumb("f1", "a"), compared("f2", "a")


@pytest.mark.parametrize(
    ("events", "changes", "policy", "drops"),
    [
        ([LIKED, CHOSEN], {"a": {"finish_reason": "length"}}, POLICY, {"truncated": 3}),
        ([LIKED, CHOSEN], {"a": {"finish_reason": "disconnect"}}, POLICY, {"partial": 3}),
        ([LIKED, CHOSEN], {"a": {"finish_reason": "error"}}, POLICY, {"partial": 3}),
        ([LIKED, CHOSEN], {"a": {"content": " \n"}}, POLICY, {"empty": 3}),
        ([LIKED, CHOSEN], {"q": {"content": ""}}, POLICY, {"empty": 3}),
        ([LIKED, CHOSEN], {"q": {"parent_id": "gone"}}, POLICY, {"broken_thread": 2}),
        ([LIKED, CHOSEN], {}, CurationPolicy(max_chars=29), {"too_long": 3}),
        ([LIKED, CHOSEN], {}, CurationPolicy(max_chars=30), {"too_long": 1}),
        ([CHOSEN], {"b": {"content": "No. "}}, POLICY, {"replies_equal": 1}),
        ([LIKED, thumb("f3", "b")], {"b": {"content": "No. "}}, POLICY, {"duplicate": 2}),
        (
            [LIKED, thumb("f3", "b", "down")],
            {"b": {"content": "No. "}},
            POLICY,
            {"contradictory": 2, "replies_equal": 1},
        ),
    ],
)
def test_unfit_texts(
    events: list[Feedback], changes: dict[str, Any], policy: CurationPolicy, drops: dict[str, int]
) -> None:
    assert curate(snapshot(events, talk(**changes)), policy, "main").drops == drops


def test_a_correction_of_a_truncated_reply_is_whole_itself() -> None:
    found = curate(snapshot([corrected("f1", "a", "Yes!")], talk(a={"finish_reason": "length"})), POLICY, "main")
    assert [(len(found.sft), len(found.pairs)), found.drops] == [(1, 1), {}]
    assert found.pairs[0].chosen == "Yes!"


def test_a_truncated_reply_is_never_imitated_but_may_be_rejected() -> None:
    cut = talk(a={"finish_reason": "length"})
    liked = curate(snapshot([thumb("f1", "a", "up")], cut), POLICY, "main")
    assert (liked.sft, liked.kto, liked.drops) == ((), (), {"truncated": 2})
    disliked = curate(snapshot([thumb("f1", "a", "down")], cut), POLICY, "main")
    assert [example.desirable for example in disliked.kto] == [False]


def test_an_example_carries_its_prompt_and_evidence() -> None:
    (example,) = curate(snapshot([corrected("f1", "c", "Ten.")], talk()), POLICY, "main").sft
    assert example.prompt == (
        Turn(role="system", content="Be brief."),
        Turn(role="user", content="Do you sell bells?"),
        Turn(role="assistant", content="We do."),
        Turn(role="user", content="How much are they?"),
    )
    assert (example.user_id, example.group, example.conversation_id) == ("ann", "ann", "c1")
    assert (example.message_ids, example.feedback_ids) == (("c",), ("f1",))


def test_a_pair_names_the_chosen_message_first() -> None:
    (pair,) = curate(snapshot([compared("f1", "b")], talk()), POLICY, "main").pairs
    assert pair.message_ids == ("b", "a")


def test_only_the_lines_own_conversations_count() -> None:
    other = talk().model_copy(update={"line": "shop"})
    assert curate(snapshot([thumb("f1")], other), POLICY, "main").drops == {"other_line": 1}
    assert len(curate(snapshot([thumb("f1")], other), POLICY, "shop").sft) == 1


# Small enough for collisions: two questions that are near-duplicates, one that isn't, few replies, few people.
QUESTIONS = ("Do you sell bells?", "do you sell bells", "When are you open on Sundays?", "")
REPLIES = ("Yes.", "No.", " Yes. ", "", "Perhaps, if it isn't raining.")
USERS = ("ann", "bob", "cat", "dan")


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Conversation, ...]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        name = f"c{number}"
        messages = [message(f"{name}q", "user", content=draw(st.sampled_from(QUESTIONS)), conversation_id=name)]
        for count in range(draw(st.integers(0, 3))):
            reply = {
                "content": draw(st.sampled_from(REPLIES)),
                "finish_reason": draw(st.sampled_from(["stop", "stop", "stop", "length", "disconnect", None])),
                "conversation_id": name,
                "created_at": at(count),
            }
            messages.append(message(f"{name}a{count}", "assistant", f"{name}q", **reply))
        line = draw(st.sampled_from(["main", "main", "main", "shop"]))
        user = draw(st.sampled_from(USERS))
        found.append(conversation(name, user, line=line, messages=tuple(messages)))
    return tuple(found)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    talks = draw(conversations())
    ids = [one.message_id for each in talks for one in each.messages] + ["gone"]
    events: list[Feedback] = []
    for number in range(draw(st.integers(0, 10))):
        kind = draw(st.sampled_from(list(FeedbackKind)))
        first = draw(st.sampled_from(ids))
        fields: dict[str, Any] = {"created_at": at(draw(st.integers(0, 2))), "user": draw(st.sampled_from(USERS))}
        if kind in (COMPARISON, REGENERATE, FeedbackKind.EDIT):
            others = [other for other in ids if other != first]
            fields["other_message_id"] = draw(st.sampled_from(others))
        said: dict[FeedbackKind, dict[str, Any]] = {
            FeedbackKind.THUMB: {"thumb": draw(st.sampled_from(["up", "down"]))},
            FeedbackKind.STARS: {"stars": draw(st.integers(1, 5))},
            FeedbackKind.COMMENT: {"comment": "Hm."},
            CORRECTION: {"correction": draw(st.sampled_from(["Yes.", "Maybe."]))},
            COMPARISON: {"winner": draw(st.sampled_from(["a", "b", "tie", "both_bad"]))},
        }
        if events and draw(st.integers(0, 4)) == 0:
            fields["supersedes"] = draw(st.sampled_from(events)).feedback_id
            fields["withdrawn"] = draw(st.booleans())
        events.append(feedback(f"f{number}", kind, first, **fields, **said.get(kind, {})))
    return snapshot(events, *talks)


def examples(found: Curated) -> list[Any]:
    return [*found.sft, *found.pairs, *found.kto]


@settings(max_examples=150, deadline=None)
@given(given_snapshot=snapshots())
def test_nothing_crosses_a_split(given_snapshot: Snapshot) -> None:
    found: list[Any] = examples(curate(given_snapshot, POLICY, "main"))
    for attribute in ("group", "user_id", "conversation_id", "prompt"):
        sides: dict[Any, set[str]] = {}
        for one in found:
            sides.setdefault(getattr(one, attribute), set()).add(one.split)
        assert all(len(each) == 1 for each in sides.values()), attribute
    near = clusters([question(one.prompt) for one in found], POLICY.near_duplicate)
    assert all(one.split == found[first].split for one, first in zip(found, near, strict=True))


@settings(max_examples=150, deadline=None)
@given(given_snapshot=snapshots(), data=st.data())
def test_the_order_of_everything_is_irrelevant(given_snapshot: Snapshot, data: st.DataObject) -> None:
    talks = [
        each.model_copy(update={"messages": tuple(data.draw(st.permutations(each.messages)))})
        for each in data.draw(st.permutations(given_snapshot.conversations))
    ]
    shuffled = snapshot(data.draw(st.permutations(given_snapshot.feedback)), *talks)
    here, there = curate(given_snapshot, POLICY, "main"), curate(shuffled, POLICY, "main")
    assert here.model_dump_json() == there.model_dump_json()


@settings(max_examples=150, deadline=None)
@given(given_snapshot=snapshots())
def test_every_judgement_is_used_or_counted(given_snapshot: Snapshot) -> None:
    found = curate(given_snapshot, POLICY, "main")
    used = {name for one in examples(found) for name in one.feedback_ids}
    counted = {name for each in found.dropped for name in each.feedback_ids}
    assert used | counted == {event.feedback_id for event in given_snapshot.feedback}
    assert sum(found.drops.values()) == len(found.dropped)


@settings(max_examples=150, deadline=None)
@given(given_snapshot=snapshots())
def test_examples_are_fit_and_say_nothing_twice(given_snapshot: Snapshot) -> None:
    found = curate(given_snapshot, POLICY, "main")
    texts: list[tuple[Any, ...]] = []
    for one in examples(found):
        said = [one.chosen, one.rejected] if isinstance(one, PreferencePair) else [one.completion]
        assert all(text.strip() for text in said)
        desirable = one.desirable if isinstance(one, KTOExample) else None
        texts.append((type(one), one.prompt, *(text.strip() for text in said), desirable))
    assert len(set(texts)) == len(texts)
    assert not {(kind, prompt, b, a, end) for kind, prompt, a, b, end in (t for t in texts if len(t) == 5)} & set(texts)
    ids = [one.example_id for one in examples(found)]
    assert len(set(ids)) == len(ids)
    assert all(isinstance(one, Evidence) and one.feedback_ids for one in examples(found))


@settings(max_examples=150, deadline=None)
@given(given_snapshot=snapshots())
def test_a_lone_thumb_down_never_makes_a_pair(given_snapshot: Snapshot) -> None:
    thumbs = {event.feedback_id: event.thumb for event in given_snapshot.feedback}
    for pair in curate(given_snapshot, POLICY, "main").pairs:
        assert any(thumbs[name] != "down" for name in pair.feedback_ids)
        assert pair.reason != "thumbs_apart" or len(pair.feedback_ids) > 1
