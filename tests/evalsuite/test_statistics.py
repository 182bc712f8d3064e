import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.statistics import clustered_interval, expanded_tail, sign_test, student_t_quantile, tally


def interval(differences, groups, confidence=0.95, resamples=1000, seed=0):
    return clustered_interval(differences, groups, confidence, resamples, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),  # from printed tables of Student's t
    [
        (0.975, 1, 12.7062),
        (0.975, 2, 4.3027),
        (0.975, 9, 2.2622),
        (0.95, 30, 1.6973),
        (0.995, 5, 4.0321),
        (0.025, 9, -2.2622),
    ],
)
def test_student_t_agrees_with_printed_tables(probability, freedom, quantile):
    assert student_t_quantile(probability, freedom) == pytest.approx(quantile, abs=2e-4)


def test_tails_come_near_the_nominal_ones_with_many_groups_and_are_smaller_with_few():
    assert expanded_tail(0.95, 10_000) == pytest.approx(0.025, abs=1e-4)
    assert expanded_tail(0.95, 5) < expanded_tail(0.95, 20) < 0.025


@pytest.mark.parametrize(
    ("wins", "losses", "probability"),
    [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (9, 1, 22 / 1024), (1, 9, 22 / 1024), (0, 1, 1.0)],
)
def test_sign_test_is_the_exact_binomial(wins, losses, probability):
    assert sign_test(wins, losses) == pytest.approx(probability)


def test_tally_counts_each_item_once():
    assert tally([0.5, 0.0, -0.1, 1e-12]) == (1, 2, 1)


def test_with_one_group_nothing_can_be_said():
    assert interval([0.9, 0.8, 1.0], ["ada"] * 3) == (-1.0, 1.0)


def test_equal_differences_leave_no_doubt():
    assert interval([0.25] * 6, list("aabbcc")) == (0.25, 0.25)


def test_many_items_of_few_people_are_not_many_observations():
    values = [0.9] * 20 + [-0.1] * 20
    alone = interval(values, [str(number) for number in range(40)])
    of_four = interval(values, ["a"] * 10 + ["b"] * 10 + ["c"] * 10 + ["d"] * 10)
    assert of_four.high - of_four.low > 2 * (alone.high - alone.low)


items = st.lists(st.tuples(st.floats(-1, 1), st.sampled_from("abcdef")), min_size=1, max_size=40)


@given(items=items, seed=st.integers(0, 2**32), order=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_items_changes_nothing(items, seed, order):
    shuffled = list(items)
    order.shuffle(shuffled)
    results = {interval([one[0] for one in rows], [one[1] for one in rows], seed=seed) for rows in (items, shuffled)}
    assert len(results) == 1


@given(items=items, drops=st.lists(st.floats(0, 1), min_size=40, max_size=40))
@settings(max_examples=50, deadline=None)
def test_a_worse_item_never_raises_the_lower_end(items, drops):
    values, groups = zip(*items, strict=True)
    worse = [max(-1.0, value - drop) for value, drop in zip(values, drops, strict=False)]
    assert interval(worse, groups).low <= interval(values, groups).low + 1e-12


@pytest.mark.parametrize(("groups", "each"), [(6, 4), (12, 4), (30, 2)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(groups, each):
    """Correlated items of groups: a person's taste plus noise. 500 rounds put the share within 3 points or so."""
    rng = np.random.default_rng(7)
    truth, rounds, covered, excluded_above = 0.1, 500, 0, 0
    names = [str(group) for group in range(groups) for _ in range(each)]
    for _ in range(rounds):
        person: np.ndarray = np.repeat(rng.normal(0, 0.15, groups), each)
        values = np.clip(truth + person + rng.normal(0, 0.2, groups * each), -1, 1)
        low, high = clustered_interval(values.tolist(), names, 0.95, 500, rng)
        covered += low <= truth <= high
        excluded_above += low > truth
    assert 0.92 <= covered / rounds <= 0.99
    assert excluded_above / rounds <= 0.05
