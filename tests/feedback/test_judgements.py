"""Which events stand, and what they say about a reply."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.judgements import effective, opinions
from feedback.policy import CurationPolicy
from feedback.words import FeedbackKind
from tests.feedback.example import at, feedback, thumb

STARS = FeedbackKind.STARS


def withdrawal(name: str, second: float, supersedes: str | None = None) -> Any:
    return feedback(name, FeedbackKind.THUMB, withdrawn=True, supersedes=supersedes, created_at=at(second))


@pytest.mark.parametrize(
    ("events", "standing", "dropped"),
    [
        ([], [], []),
        ([thumb("f1")], ["f1"], []),
        ([thumb("f1"), thumb("f2", way="down", supersedes="f1", created_at=at(11))], ["f2"], ["superseded f1"]),
        # the last word of each kind, without being told what it supersedes
        ([thumb("f1"), thumb("f2", way="down", created_at=at(11))], ["f2"], ["superseded f1"]),
        ([thumb("f1"), feedback("f2", STARS, stars=5)], ["f1", "f2"], []),
        ([thumb("f1"), thumb("f2", user="bob"), thumb("f3", "b")], ["f1", "f2", "f3"], []),
        # withdrawn
        ([thumb("f1"), withdrawal("f2", 11, "f1")], [], ["superseded f1", "withdrawn f2"]),
        ([thumb("f1"), withdrawal("f2", 11)], [], ["superseded f1", "withdrawn f2"]),
        ([withdrawal("f1", 9), thumb("f2")], ["f2"], ["superseded f1"]),
        # a chain
        (
            [thumb("f1"), thumb("f2", supersedes="f1", created_at=at(11)), withdrawal("f3", 12, "f2")],
            [],
            ["superseded f1", "superseded f2", "withdrawn f3"],
        ),
        # the first is withdrawn, the second isn't
        (
            [thumb("f1"), thumb("f2", way="down", created_at=at(11)), withdrawal("f3", 12, "f1")],
            ["f2"],
            ["superseded f1", "withdrawn f3"],
        ),
    ],
)
def test_effective(events: list[Any], standing: list[str], dropped: list[str]) -> None:
    for given_events in (events, events[::-1]):
        found, gone = effective(given_events)
        assert sorted(event.feedback_id for event in found) == standing
        assert sorted(f"{each.reason} {' '.join(each.feedback_ids)}" for each in gone) == dropped


@given(data=st.data())
def test_every_event_stands_or_is_dropped_once(data: st.DataObject) -> None:
    events = []
    for number in range(data.draw(st.integers(0, 8))):
        earlier = [None, *(f"f{before}" for before in range(number))]
        events.append(
            thumb(
                f"f{number}",
                data.draw(st.sampled_from("ab")),
                user=data.draw(st.sampled_from(["ann", "bob"])),
                supersedes=data.draw(st.sampled_from(earlier)),
                withdrawn=data.draw(st.booleans()),
                created_at=at(data.draw(st.integers(0, 3))),
            )
        )
    standing, dropped = effective(events)
    ids = [event.feedback_id for event in standing] + [name for each in dropped for name in each.feedback_ids]
    assert sorted(ids) == [event.feedback_id for event in events]
    assert not any(event.withdrawn for event in standing)


def test_opinions() -> None:
    correction = feedback("f5", FeedbackKind.CORRECTION, "c", correction="better")
    events = [
        thumb("f1"),
        thumb("f2", "b", "down"),
        feedback("f3", STARS, "b", "bob", stars=4),
        feedback("f4", STARS, "c", stars=3),
        correction,
        feedback("f6", STARS, "d", stars=2),
    ]
    found = opinions(events, CurationPolicy())
    likes = {name: [event.feedback_id for event in opinion.likes] for name, opinion in found.items()}
    dislikes = {name: [event.feedback_id for event in opinion.dislikes] for name, opinion in found.items()}
    assert likes == {"a": ["f1"], "b": ["f3"], "c": [], "d": []}
    assert dislikes == {"a": [], "b": ["f2"], "c": [], "d": ["f6"]}
    assert found["c"].corrections == (correction,)
    assert [(each.liked, each.disliked) for each in found.values()] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]
    assert not opinions(events, CurationPolicy(min_stars=5))["b"].liked
