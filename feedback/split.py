"""On which side of a dataset's split everybody is. Pure."""

from collections.abc import Iterable

from feedback.policy import CurationPolicy
from feedback.similar import DisjointSets, clusters
from feedback.words import SplitName, Turn, digest

HASH_RANGE = 16**8


def question(prompt: Iterable[Turn]) -> str:
    """The person's side of a prompt: what two people's prompts are compared by.

    All of it, not the last turn alone: half of all conversations come to the same "thanks, anything else?", and joining
    everybody who said it would leave one group.
    """
    return "\n".join(turn.content for turn in prompt if turn.role == "user")


def groups(questions: Iterable[tuple[str, str]], near_duplicate: float) -> dict[str, str]:
    """For each user who asks something, the group they are in, called by its smallest user id.

    Users are in one group when a chain of near-duplicate questions leads from one to the other.
    """
    asked = sorted(set(questions))
    users = sorted({user_id for user_id, _ in asked})
    numbers = {user_id: number for number, user_id in enumerate(users)}
    joined = DisjointSets(len(users))
    for (user_id, _), first in zip(asked, clusters([text for _, text in asked], near_duplicate), strict=True):
        joined.join(numbers[user_id], numbers[asked[first][0]])
    return {user_id: users[joined.find(numbers[user_id])] for user_id in users}


def split_of(group: str, policy: CurationPolicy) -> SplitName:
    """The group's side: by a hash of its name, so that it stays there while others come."""
    place = int(digest("side", group)[:8], 16) / HASH_RANGE
    if place < policy.test_share:
        return "test"
    return "validation" if place < policy.test_share + policy.validation_share else "train"
