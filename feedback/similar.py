"""Which texts say nearly the same. Pure; the result doesn't depend on the order of the texts."""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

SHINGLE_LENGTH = 4
NOT_WORD = re.compile(r"[\W_]+")
ROUNDING = 1e-9
SKETCH_BITS = 1024


class DisjointSets:
    """Numbers from 0 that are joined into sets; each set is called by its smallest number."""

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))

    def find(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self._parents[high] = low


def shingles(text: str) -> frozenset[str]:
    """Every run of four characters of the text, letter case, punctuation and width aside."""
    words = NOT_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    padded = f" {words} "
    return frozenset(
        padded[start : start + SHINGLE_LENGTH] for start in range(max(1, len(padded) - SHINGLE_LENGTH + 1))
    )


def clusters(texts: Sequence[str], threshold: float) -> list[int]:
    """For each text, the first text's number of the cluster it is in.

    Texts are in one cluster when a chain of texts leads from one to the other, each at least `threshold` (over 0, up to
    1) similar to the next by the Jaccard index of their shingles: the share of both texts' shingles that both have.
    Exact, and near-linear for ordinary texts, because two sets can only be that similar when they share one of their
    few rarest shingles (prefix filtering: Chaudhuri, Ganti and Kaushik, "A primitive operator for similarity joins in
    data cleaning", ICDE 2006).
    """
    sets = DisjointSets(len(texts))
    numbers: dict[frozenset[str], int] = {}
    for number, text in enumerate(texts):
        sets.join(number, numbers.setdefault(shingles(text), number))
    by_size = sorted(numbers, key=lambda one: (len(one), numbers[one]))
    ranks = _ranks(by_size)
    sketches = {one: _sketch(one, ranks) for one in by_size}
    index: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    for one in by_size:
        smallest = threshold * len(one) - ROUNDING
        rarest = sorted(one, key=ranks.__getitem__)[: len(one) - math.ceil(smallest) + 1]
        for other in {other for shingle in rarest for other in index[shingle] if len(other) >= smallest}:
            size = len(one) + len(other)
            shared = math.ceil(threshold / (1 + threshold) * size - ROUNDING)
            # What differs in the sketches differs in the sets, and comparing sketches is a hundred times faster.
            if (sketches[one] ^ sketches[other]).bit_count() <= size - 2 * shared and len(one & other) >= shared:
                sets.join(numbers[one], numbers[other])
        for shingle in rarest:
            index[shingle].append(one)
    return [sets.find(number) for number in range(len(texts))]


def _ranks(sets: Iterable[frozenset[str]]) -> dict[str, int]:
    """Every shingle's place from the rarest to the most common."""
    counts = Counter(shingle for one in sets for shingle in one)
    return {shingle: rank for rank, shingle in enumerate(sorted(counts, key=lambda one: (counts[one], one)))}


def _sketch(one: frozenset[str], ranks: dict[str, int]) -> int:
    sketch = 0
    for shingle in one:
        sketch |= 1 << ranks[shingle] % SKETCH_BITS
    return sketch
