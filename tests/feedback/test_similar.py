"""Near-duplicates are found exactly, whatever the order, and quickly."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.similar import DisjointSets, clusters, shingles

RETURN = "How do I return a helmet that doesn't fit?"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (RETURN, RETURN, True),
        (RETURN, "how do I return a helmet that doesn't fit", True),
        (RETURN, "HOW DO I   RETURN A HELMET, THAT DOESN'T FIT?!", True),
        (RETURN, "How do I return a helmet that does not fit?", True),
        (RETURN, "How do I return a saddle that doesn't fit me well?", False),
        (RETURN, "Do you sell helmets?", False),
        ("ＨＥＬＭＥＴ", "helmet", True),
        ("", "?!", True),
        ("", "a", False),
        ("hi", "ho", False),
    ],
)
def test_what_counts_as_the_same(one: str, other: str, same: bool) -> None:
    assert (clusters([one, other], 0.7) == [0, 0]) is same


def jaccard(one: str, other: str) -> float:
    return len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))


def test_chains_join_their_ends() -> None:
    chain = ["abcdefghij" + "klmnopqrstuvwxyz"[start : start + 8] for start in range(0, 5, 2)]
    assert jaccard(chain[0], chain[2]) < 0.4 <= jaccard(chain[0], chain[1])
    assert clusters([chain[0], "nothing of the kind", chain[1], chain[2]], 0.4) == [0, 1, 0, 0]


TEXTS = st.lists(st.text(alphabet="abc ", max_size=14), max_size=12)


@given(texts=TEXTS, threshold=st.sampled_from([0.2, 0.5, 0.7, 0.9, 1.0]))
def test_it_finds_what_comparing_everything_with_everything_finds(texts: list[str], threshold: float) -> None:
    sets = DisjointSets(len(texts))
    for one, other in combinations(range(len(texts)), 2):
        if jaccard(texts[one], texts[other]) >= threshold:
            sets.join(one, other)
    assert clusters(texts, threshold) == [sets.find(number) for number in range(len(texts))]


@given(texts=TEXTS, data=st.data())
def test_the_order_does_not_matter(texts: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    here = clusters(texts, 0.5)
    there = clusters([texts[number] for number in order], 0.5)
    for one, other in combinations(range(len(texts)), 2):
        assert (here[order[one]] == here[order[other]]) is (there[one] == there[other])


def test_sets_are_called_by_their_smallest_number() -> None:
    sets = DisjointSets(5)
    sets.join(4, 3)
    sets.join(3, 1)
    assert [sets.find(number) for number in range(5)] == [0, 1, 2, 1, 1]
