import pytest

from evalsuite.comparison import Terms, compare
from evalsuite.evaluate import evaluate
from evalsuite.heldout import heldout_from, train_groups_from
from evalsuite.model import LogLikelihood, Sampling
from evalsuite.scorers import margin, margin_per_token
from evalsuite.suite import load_suite
from feedback.errors import UpstreamFailed
from tests.evalsuite.invented import (
    DATASET_HASH,
    ScriptedModel,
    good_model,
    heldout,
    kto,
    pair,
    pairs,
    plain_model,
    sft,
)

SUITES = [load_suite("house_style"), load_suite("regression")]


def quiet(what: str, done: int, of: int) -> None:
    pass


def test_held_out_is_the_test_split_with_each_prompt_once():
    train, test = pair(1, "ada", "train"), pair(2, "bob")
    examples = [
        sft("s1", "bob", test.prompt[0].content),
        sft("s2", "bob", "Another?"),
        sft("s3", "eve", "No", "validation"),
    ]
    found = heldout_from(DATASET_HASH, examples, [train, test], [kto("k1", "bob", "Another?")])
    assert [one.example_id for one in found.pairs] == ["pair-002"]
    assert {one.prompt[0].content for one in found.prompts} == {test.prompt[0].content, "Another?"}
    assert found.examples == 4
    assert found.groups == {"bob"}
    assert train_groups_from([train, test, *examples]) == {"ada", "eve"}


def test_held_out_is_the_same_in_any_order():
    rows = pairs(5, 3)
    assert heldout_from(DATASET_HASH, [], rows, []) == heldout_from(DATASET_HASH, [], rows[::-1], [])


def test_everything_asked_is_answered_and_scored():
    told: list[tuple[str, int, int]] = []
    report = evaluate(good_model(), heldout(9, 4), SUITES, Sampling(), lambda *row: told.append(row))
    counts = {score.suite: (score.asked, score.answered, len(score.items)) for score in report.suites}
    instructions = len(SUITES[1].items)
    assert counts == {
        "preference": (36, 36, 36),
        "house_style": (36, 36, 36),
        "regression": (instructions, instructions, instructions),
    }
    assert [row for row in told if row[1] == row[2]] == [
        ("preference", 36, 36), ("house_style", 36, 36), ("regression", instructions, instructions)
    ]  # fmt: skip


def test_nothing_held_out_gives_a_report_that_says_so():
    report = evaluate(good_model(), heldout(0, 0), SUITES, Sampling(), quiet)
    assert [score.asked for score in report.suites] == [0, 0, len(SUITES[1].items)]


def test_preferences_are_scored_by_likelihood_per_token():
    chosen, rejected = LogLikelihood(logprob=-40.0, tokens=20), LogLikelihood(logprob=-30.0, tokens=10)
    assert margin(chosen, rejected) == -10.0
    assert margin_per_token(chosen, rejected) == 1.0


@pytest.mark.parametrize(("model", "score"), [(good_model(), 1.0), (plain_model(), 0.0)])
def test_a_model_that_prefers_the_chosen_replies_scores_higher(model, score):
    assert evaluate(model, heldout(), [], Sampling(), quiet).suite("preference").mean == score


def test_suites_limit_the_length_of_replies_and_the_sampling_is_otherwise_kept():
    class Listening(ScriptedModel):
        heard: tuple[Sampling, ...] = ()

        def replies(self, prompts, sampling):
            self.heard = (*self.heard, sampling)
            return super().replies(prompts, sampling)

    model = Listening("tiny", "Yes.", likes="short")
    evaluate(model, heldout(1, 1), SUITES, Sampling(temperature=0.5, max_tokens=77, seed=3), quiet)
    assert model.heard[0] == Sampling(temperature=0.5, max_tokens=77, seed=3)
    assert model.heard[-1] == Sampling(temperature=0.5, max_tokens=48, seed=3)


def test_a_model_that_leaves_a_question_unanswered_gives_no_report():
    class Forgetful(ScriptedModel):
        def replies(self, prompts, sampling):
            return super().replies(prompts, sampling)[1:]

    with pytest.raises(UpstreamFailed, match="asked for 24 replies of suite 'house_style' and gave 23"):
        evaluate(Forgetful("tiny", "Yes.", likes="short"), heldout(), SUITES, Sampling(), quiet)


def test_a_comparison_has_every_measure_in_the_candidates_favour():
    good, plain = (evaluate(model, heldout(), SUITES, Sampling(), quiet) for model in (good_model(), plain_model()))
    comparison = compare(good, plain, Terms(resamples=500))
    found = {one.name: (one.candidate, one.incumbent, one.items, one.groups) for one in comparison.measures}
    assert found["house_style_win_rate"] == (1.0, 0.0, 24, 6)
    assert found["preference_accuracy"] == (1.0, 0.0, 24, 6)
    assert found["preference_shift"] == (1.0, 0.0, 24, 6)
    assert list(found) == [
        "house_style_win_rate", "house_style", "preference_shift", "preference_accuracy", "regression"
    ]  # fmt: skip


def test_the_shift_sees_a_margin_grow_where_accuracy_does_not():
    def leaning(adapter_id: str, gap: float):
        class Leaning(ScriptedModel):
            def log_likelihoods(self, pairs):
                return [LogLikelihood(logprob=-50 - gap * (at % 2), tokens=10) for at in range(len(pairs))]

        return evaluate(Leaning(adapter_id, "Yes.", likes="short"), heldout(), [], Sampling(), quiet)

    shift, accuracy = compare(leaning("new", 3.0), leaning("old", 1.0), Terms(resamples=500)).measures
    assert (shift.name, shift.wins, shift.ties) == ("preference_shift", 24, 0)
    assert (accuracy.name, accuracy.wins, accuracy.ties) == ("preference_accuracy", 0, 24)
