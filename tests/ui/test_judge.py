"""Which thumb stands after all that was said about a reply."""

from datetime import UTC, datetime, timedelta

import pytest

from feedback.words import Feedback
from ui.judge import Thumb, standing_thumb

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def given(number, thumb="up", supersedes=None, withdrawn=False, kind="thumb"):
    return Feedback(
        feedback_id=f"fb_{number}",
        kind=kind,
        message_id="msg_1",
        user_id="ann",
        created_at=START + timedelta(minutes=number),
        thumb=thumb if kind == "thumb" else None,
        supersedes=supersedes,
        withdrawn=withdrawn,
    )


@pytest.mark.parametrize(
    ("history", "standing"),
    [
        ([], None),
        ([given(1)], Thumb("fb_1", "up")),
        ([given(1), given(2, "down", "fb_1")], Thumb("fb_2", "down")),
        ([given(1), given(2, supersedes="fb_1", withdrawn=True)], None),
        ([given(1), given(2, supersedes="fb_1", withdrawn=True), given(3, "down")], Thumb("fb_3", "down")),
        ([given(1), given(2, kind="copy")], Thumb("fb_1", "up")),
    ],
)
def test_the_standing_thumb(history, standing):
    assert standing_thumb(history) == standing
    assert standing_thumb(history[::-1]) == standing
