"""Users who ask nearly the same are on one side, and stay there."""

from collections import Counter

from feedback.policy import CurationPolicy
from feedback.split import groups, question, split_of
from feedback.words import Turn

RETURN = "How do I return a helmet that doesn't fit?"


def test_shared_questions_join_their_users() -> None:
    asked = [
        ("cat", RETURN),
        ("ann", RETURN + "!"),
        ("bob", "Do you sell bells?"),
        ("dan", "When do you open on Sundays?"),
    ]
    asked += [("bob", "When do you open on Sunday?")]
    assert groups(asked, 0.7) == {"ann": "ann", "bob": "bob", "cat": "ann", "dan": "bob"}
    assert groups(reversed(asked), 0.7) == groups(asked, 0.7)
    assert groups([], 0.7) == {}


def test_a_common_last_turn_alone_joins_nobody() -> None:
    def asked(opening: str) -> str:
        thanks = Turn(role="user", content="Thanks. Is there anything else?")
        return question([Turn(role="user", content=opening), Turn(role="assistant", content="Yes."), thanks])

    found = groups([("ann", asked(RETURN)), ("bob", asked("Do you sell bells for children's bicycles?"))], 0.7)
    assert found == {"ann": "ann", "bob": "bob"}


def test_sides_have_their_shares_and_do_not_move() -> None:
    policy = CurationPolicy(test_share=0.2, validation_share=0.1)
    sides = {f"user-{number}": split_of(f"user-{number}", policy) for number in range(5000)}
    shares = {side: count / 5000 for side, count in Counter(sides.values()).items()}
    assert abs(shares["test"] - 0.2) < 0.02
    assert abs(shares["validation"] - 0.1) < 0.02
    assert [split_of(name, policy) for name in ("ann", "bob", "cat", "dan", "eve")] == list(SIDES)
    everything = CurationPolicy(test_share=0, validation_share=0)
    assert {split_of(name, everything) for name in sides} == {"train"}


# As the hash puts them: a change here would move people between the sides of datasets that exist.
SIDES = ("train", "train", "train", "test", "test")
