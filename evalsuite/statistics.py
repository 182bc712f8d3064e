"""Intervals and tests for paired differences whose items come in groups. Pure: randomness comes in as a generator.

Items of one person aren't independent, so whole groups are resampled, never single items (the cluster bootstrap:
Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8; Field and Welsh, Bootstrapping
clustered data, JRSS B, 2007). Intervals are percentile intervals (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 13), widened for few groups as Hesterberg proposes (What Teachers Should Know About the
Bootstrap, The American Statistician, 2015: the expanded percentile interval), because the plain ones are too narrow
below some thirty groups.
"""

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

WHOLE_RANGE = (-1.0, 1.0)


class Interval(NamedTuple):
    low: float
    high: float


class Tally(NamedTuple):
    wins: int
    ties: int
    losses: int


def student_t_quantile(probability: float, freedom: int) -> float:
    """The quantile of Student's t, to about six digits.

    With t = sqrt(freedom) * tan(angle) the density becomes cos(angle) ** (freedom - 1), which is smooth on a bounded
    range, so adding up a fine grid is enough.
    """
    angles = np.linspace(-math.pi / 2, math.pi / 2, 200_001)
    density = np.cos(angles) ** (freedom - 1)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return float(math.sqrt(freedom) * math.tan(np.interp(probability, below / below[-1], angles)))


@cache
def expanded_tail(confidence: float, groups: int) -> float:
    """The tail to cut off on each side, so that the percentile interval is as wide as the t interval would be."""
    wide = student_t_quantile((1 - confidence) / 2, groups - 1) * math.sqrt(groups / (groups - 1))
    return NormalDist().cdf(wide)


def clustered_interval(
    differences: Sequence[float], groups: Sequence[str], confidence: float, resamples: int, rng: np.random.Generator
) -> Interval:
    """Where the mean of the paired differences (each between -1 and 1) lies, with this confidence.

    One value of `groups` for each difference. With fewer than two groups nothing can be said: the whole range.
    The result depends on the values of each group, not on the order of the items.
    """
    names = sorted(set(groups))
    if len(names) < 2:
        return Interval(*WHOLE_RANGE)
    members: dict[str, list[float]] = {name: [] for name in names}
    for difference, group in zip(differences, groups, strict=True):
        members[group].append(difference)
    sums = np.array([math.fsum(members[name]) for name in names])
    sizes = np.array([len(members[name]) for name in names])
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    means = (drawn @ sums) / (drawn @ sizes)
    tail = expanded_tail(confidence, len(names))
    return Interval(max(-1.0, float(np.quantile(means, tail))), min(1.0, float(np.quantile(means, 1 - tail))))


def tally(differences: Sequence[float], tolerance: float = 1e-9) -> Tally:
    wins = sum(difference > tolerance for difference in differences)
    losses = sum(difference < -tolerance for difference in differences)
    return Tally(wins, len(differences) - wins - losses, losses)


def sign_test(wins: int, losses: int) -> float:
    """The exact two-sided probability of so uneven a split, were a win as likely as a loss (ties left out).

    It takes the items as independent; the clustered interval doesn't, and is what the gate uses.
    """
    decided = wins + losses
    if decided == 0:
        return 1.0
    tail = sum(math.comb(decided, count) for count in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / 2**decided)
