from hypothesis import given
from hypothesis import strategies as st

from retrain.rows import Messages, pair_rows, sft_rows
from tests.retrain.invented import pair, sft_example


def words(messages: Messages) -> int:
    return sum(len(message["content"].split()) for message in messages)


def test_an_sft_row_is_the_prompt_and_the_reply_as_messages():
    (row,) = sft_rows([sft_example(0)], "train", words, 100).rows
    assert row["prompt"] == [{"role": "user", "content": "My chain is broken, can you help?"}]
    assert row["completion"] == [
        {"role": "assistant", "content": "Yes! We fix a chain in 1 days. Next step: bring it in."}
    ]
    assert row["length"] == words(row["prompt"] + row["completion"])


def test_a_pair_is_as_long_as_its_longer_side_and_feeds_both():
    rows = pair_rows([pair(1)], "train", words, 100)
    (row,) = rows.rows
    longer = words(row["prompt"] + row["rejected"])
    assert row["length"] == rows.longest == longer
    assert rows.tokens == longer + words(row["prompt"] + row["chosen"])


def test_only_the_split_that_was_asked_for():
    examples = [sft_example(1), sft_example(2, "validation"), sft_example(3, "test")]
    assert len(sft_rows(examples, "train", words, 100)) == 1
    assert not sft_rows([], "validation", words, 100)


@given(st.lists(st.integers(0, 30), unique=True), st.integers(16, 40))
def test_too_long_is_counted_and_what_is_kept_is_whole_and_sorted(numbers: list[int], max_length: int):
    rows = pair_rows([pair(n) for n in numbers], "train", lambda messages: len(str(messages)) // 8, max_length)
    lengths = [row["length"] for row in rows.rows]
    assert len(rows) + rows.dropped_too_long == len(numbers)
    assert lengths == sorted(lengths)
    assert all(length <= max_length for length in lengths)
    assert rows.longest == max(lengths, default=0)


@given(st.permutations(range(8)))
def test_the_order_of_the_examples_makes_no_difference(order: list[int]):
    shuffled = sft_rows([sft_example(n) for n in order], "train", words, 100)
    assert shuffled == sft_rows([sft_example(n) for n in range(8)], "train", words, 100)
