"""What people think now: feedback events with the amended and the withdrawn ones taken out. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from feedback.policy import CurationPolicy
from feedback.words import Feedback, FeedbackKind


class Dropped(NamedTuple):
    """Something that didn't become an example, why, and the feedback that was behind it."""

    reason: str
    feedback_ids: tuple[str, ...]


class Opinion(NamedTuple):
    """What people think of one reply, oldest first."""

    likes: tuple[Feedback, ...] = ()  # thumbs up and high stars
    dislikes: tuple[Feedback, ...] = ()  # thumbs down and low stars
    corrections: tuple[Feedback, ...] = ()

    @property
    def liked(self) -> bool:
        return bool(self.likes) and not self.dislikes

    @property
    def disliked(self) -> bool:
        return bool(self.dislikes) and not self.likes


def effective(feedback: Iterable[Feedback]) -> tuple[list[Feedback], list[Dropped]]:
    """The events that stand, oldest first, and those that don't.

    An event that a later one names is superseded. Of what is left, a person's last word about a message (or about two)
    of each kind stands, and none when that is a withdrawal.
    """
    events = sorted(feedback, key=lambda event: (event.created_at, event.feedback_id))
    replaced = {event.supersedes for event in events}
    last: dict[tuple[str, str | None, str, FeedbackKind], Feedback] = {}
    dropped: list[Dropped] = []
    for event in events:
        if event.feedback_id in replaced:
            dropped.append(Dropped("superseded", (event.feedback_id,)))
        elif event.withdrawn and event.supersedes is not None:
            dropped.append(Dropped("withdrawn", (event.feedback_id,)))
        else:
            about = (event.message_id, event.other_message_id, event.user_id, event.kind)
            if about in last:
                dropped.append(Dropped("superseded", (last.pop(about).feedback_id,)))
            last[about] = event
    dropped += [Dropped("withdrawn", (event.feedback_id,)) for event in last.values() if event.withdrawn]
    return [event for event in last.values() if not event.withdrawn], dropped


def opinions(events: Sequence[Feedback], policy: CurationPolicy) -> dict[str, Opinion]:
    """What the standing events say about each message by itself."""
    found: dict[str, Opinion] = {}
    for event in events:
        opinion = found.get(event.message_id, Opinion())
        if event.kind is FeedbackKind.CORRECTION:
            opinion = opinion._replace(corrections=(*opinion.corrections, event))
        elif event.thumb == "up" or (event.stars or 0) >= policy.min_stars:
            opinion = opinion._replace(likes=(*opinion.likes, event))
        elif event.thumb == "down" or (event.stars is not None and event.stars <= policy.low_stars):
            opinion = opinion._replace(dislikes=(*opinion.dislikes, event))
        found[event.message_id] = opinion
    return found
