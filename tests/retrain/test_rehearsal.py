from collections.abc import Sequence

import pytest

from evalsuite.suite import load_suite, suite_names
from feedback.similar import clusters
from retrain.policy import base_replies, open_tokenizer
from retrain.rehearsal import prompts, rehearsal_rows, rehearse
from retrain.rows import Messages
from tests.tiny_model import make_tiny_model


def echo(asked: Sequence[Messages], most_tokens: int) -> list[str | None]:
    """Replies with the prompt, but to every fourth doesn't come to an end."""
    return [None if number % 4 == 3 else chat[-1]["content"] for number, chat in enumerate(asked)]


def refuse(asked: Sequence[Messages], most_tokens: int) -> list[str | None]:
    raise AssertionError("it was there already")


def words(messages: Messages) -> int:
    return sum(len(message["content"].split()) for message in messages)


@pytest.mark.parametrize(("wanted", "expected"), [(1, 1), (10, 10), (10_000, len(prompts(10_000)))])
def test_prompts_are_different_ones_and_no_more_than_there_are(wanted, expected):
    assert len(set(prompts(wanted))) == expected


def test_no_suite_asks_what_is_rehearsed():
    asked = [item.prompt for name in suite_names() for item in load_suite(name).items]
    assert asked
    rehearsed = prompts(10_000)
    together = clusters([*rehearsed, *asked], 0.7)
    shared = [
        (rehearsed[first], asked[number - len(rehearsed)])
        for number, first in enumerate(together)
        if first < len(rehearsed) <= number
    ]
    assert shared == []


def test_a_rehearsal_is_made_once_and_counts_what_it_left_out(tmp_path):
    made = rehearse(tmp_path, 8, echo)
    assert (len(made.items), made.unfinished) == (6, 2)
    assert rehearse(tmp_path, 8, refuse) == made


def test_rehearsed_replies_become_rows(tmp_path):
    rows = rehearsal_rows(rehearse(tmp_path, 4, echo), words, max_length=100)
    assert len(rows) == 3
    assert rows.rows[0]["prompt"][0]["role"] == "user"
    assert rows.rows[0]["completion"][0]["role"] == "assistant"


def test_rows_of_two_sources_are_joined_shortest_first(tmp_path):
    one = rehearsal_rows(rehearse(tmp_path / "a", 4, echo), words, max_length=100)
    joined = one.joined(one)
    assert len(joined) == 2 * len(one)
    assert joined.tokens == 2 * one.tokens
    assert [row["length"] for row in joined.rows] == sorted(row["length"] for row in joined.rows)


def test_the_base_model_replies_in_order_and_says_what_it_did_not_finish(tmp_path):
    base = make_tiny_model(tmp_path)
    tokenizer = open_tokenizer(base)
    asked = [[{"role": "user", "content": text}] for text in ("Hello", "A much longer question about bicycles")]
    together = base_replies(base, "float32", tokenizer, asked, 6)
    alone = [base_replies(base, "float32", tokenizer, [one], 6)[0] for one in asked]
    assert together == alone
    assert len(together) == 2
