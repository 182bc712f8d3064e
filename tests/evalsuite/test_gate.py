import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.gate import GatePolicy, Guardrail, Target, decide, deliberate
from feedback.errors import Invalid
from feedback.words import Decision
from tests.evalsuite.invented import report, suite_score

POLICY = GatePolicy(
    name="test",
    resamples=500,
    targets=(Target(measure="taste", min_items=12, min_groups=4),),
    guardrails=(Guardrail(measure="skills", margin=0.15, max_drop=0.05, min_items=20),),
)
USERS = {f"prompt-{number:02d}": f"user-{number % 6}" for number in range(24)}


def taste(*scores):
    """24 prompts of six users; the scores repeat."""
    return suite_score("taste", {one: scores[at % len(scores)] for at, one in enumerate(USERS)}, USERS)


def skills(met, of=40):
    return suite_score("skills", {f"skill-{number:02d}": float(number < met) for number in range(of)})


def judged(candidate, incumbent, train_groups=(), policy=POLICY):
    return decide(report("new", *candidate), report("old", *incumbent), train_groups, policy, seed=0)


VERDICTS = [
    ("better, and nothing lost", (taste(0.9, 0.8), skills(30)), (taste(0.4, 0.5), skills(30)), Decision.PROMOTE),
    ("no better", (taste(0.5), skills(30)), (taste(0.5), skills(30)), Decision.REJECT),
    ("better for some users only", (taste(1.0, 0, 0), skills(30)), (taste(0.4), skills(30)), Decision.REJECT),
    ("far better, a guardrail lost", (taste(1.0), skills(27)), (taste(0.0), skills(30)), Decision.REJECT),
    ("far better, a guardrail lost by a little", (taste(1.0), skills(28)), (taste(0.0), skills(30)), Decision.PROMOTE),
    ("worse", (taste(0.2), skills(30)), (taste(0.6), skills(30)), Decision.REJECT),
]


@pytest.mark.parametrize(
    ("candidate", "incumbent", "decision"), [row[1:] for row in VERDICTS], ids=[r[0] for r in VERDICTS]
)
def test_verdicts(candidate, incumbent, decision):
    assert judged(candidate, incumbent).decision is decision


def few(score, count):
    return score.model_copy(update={"items": score.items[:count], "asked": count, "answered": count})


@pytest.mark.parametrize(("count", "short_of"), [(4, "4 items of 4 groups"), (0, "0 items of 0 groups")])
def test_too_little_data_asks_for_labels_and_says_how_much(count, short_of):
    verdict = judged((few(taste(0.9), count), skills(30)), (few(taste(0.4), count), skills(30)))
    assert verdict.decision is Decision.NEEDS_LABELS
    assert short_of in verdict.reasons[0]
    assert "12 of 4" in verdict.reasons[0]


def test_too_few_users_ask_for_labels_however_many_items_they_have():
    two = {one: f"user-{at % 2}" for at, one in enumerate(USERS)}
    verdict = judged(
        (suite_score("taste", dict.fromkeys(USERS, 0.9), two), skills(30)),
        (suite_score("taste", dict.fromkeys(USERS, 0.1), two), skills(30)),
    )
    assert verdict.decision is Decision.NEEDS_LABELS


def test_a_lost_guardrail_rejects_even_where_labels_are_missing():
    verdict = judged((few(taste(0.9), 4), skills(10)), (few(taste(0.4), 4), skills(30)))
    assert verdict.decision is Decision.REJECT


def test_reasons_are_sentences_with_the_figures():
    verdict = judged((taste(0.9, 0.8), skills(27)), (taste(0.4, 0.5), skills(30)))
    target, guardrail = verdict.reasons
    assert "taste is better: candidate 0.85, incumbent 0.45, difference +0.40 [" in target
    assert "24 items of 6 groups, 24 won, 0 tied, 0 lost" in target
    assert "skills has got worse" in guardrail
    assert "difference −0.07 [−0.15, +0.00]" in guardrail
    assert "may drop by 0.05" in guardrail


GOOD, PLAIN = (taste(0.9, 0.8), skills(30)), (taste(0.4, 0.5), skills(30))
OTHER_VERSION = taste(0.9).model_copy(update={"version_hash": "b" * 16})
OTHER_ITEMS = suite_score("skills", {f"other-{number}": 1.0 for number in range(40)})
REFUSALS = [
    ("a leak", report("new", *GOOD), report("old", *PLAIN), {"user-3", "user-9"}, r"1 held-out groups .*user-3"),
    ("equal", report("same", *GOOD), report("same", *PLAIN), (), "both 'same'"),
    ("dataset", report("new", *GOOD), report("old", *PLAIN, dataset_hash="e" * 64), (), "different datasets"),
    ("version", report("new", OTHER_VERSION, skills(30)), report("old", *PLAIN), (), "suites differ.*taste"),
    ("suite missing", report("new", *GOOD), report("old", taste(0.4)), (), "suites differ.*skills"),
    ("items", report("new", GOOD[0], OTHER_ITEMS), report("old", *PLAIN), (), "different items of suite 'skills'"),
    ("no measure", report("new", GOOD[0]), report("old", PLAIN[0]), (), "names the measure 'skills'.*have taste"),
    (
        "empty",
        report("new", few(taste(1), 0), skills(0, 0)),
        report("old", few(taste(1), 0), skills(0, 0)),
        (),
        "no item",
    ),
]


@pytest.mark.parametrize(
    ("candidate", "incumbent", "seen", "fault"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS]
)
def test_the_gate_refuses_to_judge(candidate, incumbent, seen, fault):
    with pytest.raises(Invalid, match=fault):
        decide(candidate, incumbent, frozenset(seen), POLICY, seed=0)


def test_the_same_evidence_gives_the_same_bytes_whatever_the_order_of_items():
    def turned(score):
        return score.model_copy(update={"items": score.items[::-1]})

    one = deliberate(report("new", *GOOD), report("old", *PLAIN), (), POLICY, seed=3)
    again = deliberate(report("new", *GOOD), report("old", *PLAIN), (), POLICY, seed=3)
    other = deliberate(report("new", *map(turned, GOOD)), report("old", *PLAIN), (), POLICY, seed=3)
    assert one.model_dump_json() == again.model_dump_json()
    assert one.comparison.measures == other.comparison.measures


def test_the_verdict_names_evidence_and_policy_by_hash():
    verdict = judged(GOOD, PLAIN)
    assert verdict.report_hash != judged(GOOD, (taste(0.4), skills(30))).report_hash
    assert verdict.policy_hash != judged(GOOD, PLAIN, policy=POLICY.model_copy(update={"name": "other"})).policy_hash


scores_of_24 = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=24, max_size=24)


@given(ours=scores_of_24, theirs=scores_of_24, met=st.integers(20, 40), lost=st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_a_worse_guardrail_never_turns_a_reject_into_a_promote(ours, theirs, met, lost):
    before = judged((taste(*ours), skills(met)), (taste(*theirs), skills(30)))
    after = judged((taste(*ours), skills(met - lost)), (taste(*theirs), skills(30)))
    assert not (before.decision is Decision.REJECT and after.decision is Decision.PROMOTE)


@given(ours=scores_of_24, theirs=scores_of_24)
@settings(max_examples=60, deadline=None)
def test_no_gain_on_the_target_pays_for_a_lost_guardrail(ours, theirs):
    assert judged((taste(*ours), skills(26)), (taste(*theirs), skills(30))).decision is Decision.REJECT


def test_equals_are_promoted_no_more_often_than_the_stated_rate():
    """A/A: both adapters draw from one distribution. One side of a 95% interval is 2.5%; 400 rounds allow for 5%."""
    rng = random.Random(11)

    def drawn():
        liking = {user: rng.uniform(-0.2, 0.2) for user in set(USERS.values())}
        scores = {one: min(1.0, max(0.0, rng.gauss(0.5 + liking[user], 0.25))) for one, user in USERS.items()}
        return suite_score("taste", scores, USERS)

    promoted = sum(
        judged((drawn(), skills(30)), (drawn(), skills(30))).decision is Decision.PROMOTE for _ in range(400)
    )
    assert promoted / 400 <= 0.05
