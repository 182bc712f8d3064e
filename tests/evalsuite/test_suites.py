import pytest

from evalsuite.policy import DEFAULT_POLICY, load_policy
from evalsuite.scorers import score_reply
from evalsuite.suite import load_suite, suite_names
from feedback.errors import Invalid, NotFound


def test_every_suite_of_the_package_loads_under_its_own_name():
    assert suite_names() == ["house_style", "regression"]
    for name in suite_names():
        assert load_suite(name).name == name


def test_the_policy_names_measures_of_the_suites():
    policy = load_policy()
    assert {target.measure for target in policy.targets} == {"house_style_win_rate", "preference_shift"}
    assert {rail.measure for rail in policy.guardrails} == {"preference_accuracy", "regression"}
    assert all(rail.min_items <= len(load_suite("regression").items) for rail in policy.guardrails)


def test_no_instruction_is_met_by_silence_or_by_the_house_style_alone():
    """A model that answers everything in the shop's manner, and nothing else, must be seen to have forgotten."""
    stock = "Thanks for asking, we are happy to help you with that! Would you like to bring it in on Monday?"
    items = load_suite("regression").items
    scores = [score_reply(stock, item.rules).score for item in items]
    assert sum(scores) / len(items) < 0.1


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Thanks for asking! A new tube fixes that. Would you like to bring it in today?", "A new tube fixes that."),
        ("Sorry to hear that. Worn pads squeal. Bring it in and we will look.", "Worn pads squeal. " * 12),
        ("Of course, we repair that model too. Shall we book you a visit?", "We do:\n- tubes\n- pads\n- chains"),
        ("Great question, once a week is enough. Do you need a pump?", "Hi! Would you?"),
    ],
)
def test_house_style_prefers_short_friendly_replies_with_a_next_step(better, worse):
    rules = load_suite("house_style").rules
    assert score_reply(better, rules).score > score_reply(worse, rules).score + 0.1


def test_a_version_changes_with_the_rules_and_not_with_the_title():
    suite = load_suite("house_style")
    assert suite.model_copy(update={"title": "Tone"}).version_hash == suite.version_hash
    assert suite.model_copy(update={"tie_margin": 0.1}).version_hash != suite.version_hash
    assert suite.model_copy(update={"rules": suite.rules[1:]}).version_hash != suite.version_hash


HEAD = 'name = "mine"\ntitle = "Mine"\nkind = "taste"\n'
RULE = '[[rules]]\nrule = "no_list"\n'
WRONG = [
    (HEAD + "tie_margins = 0.1\n" + RULE, "'tie_margins' is no known key; did you mean 'tie_margin'"),
    (HEAD + RULE + "wieght = 2\n", "'rules.0.no_list.wieght' is no known key; did you mean 'weight'"),
    (HEAD + '[[rules]]\nrule = "no_lists"\n', "no_lists"),
    (HEAD, "a suite of kind 'taste' has"),
    (HEAD.replace("taste", "instructions"), "a suite of kind 'instructions' has"),
    (HEAD + "= 3", "is not TOML"),
    (HEAD.replace("mine", "My Suite") + RULE, "'name'"),
]


@pytest.mark.parametrize(("text", "fault"), WRONG)
def test_a_wrong_suite_is_refused_with_file_key_and_remedy(tmp_path, text, fault):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(Invalid) as refused:
        load_suite(path)
    assert str(path) in str(refused.value)
    assert fault in str(refused.value)


def test_two_items_of_one_id_are_refused(tmp_path):
    item = '[[items]]\nid = "one"\ntopic = "facts"\nprompt = "?"\nrules = [{ rule = "no_list" }]\n'
    path = tmp_path / "mine.toml"
    path.write_text(HEAD.replace("taste", "instructions") + item + item)
    with pytest.raises(Invalid, match="twice: one"):
        load_suite(path)


def test_an_unknown_suite_is_refused_with_the_known_ones():
    with pytest.raises(Invalid, match="house_style, regression"):
        load_suite("hose_style")


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"gone\.toml"):
        load_suite(tmp_path / "gone.toml")


def test_a_policy_without_guardrails_is_refused(tmp_path):
    text = DEFAULT_POLICY.read_text()
    path = tmp_path / "gate.toml"
    path.write_text(text[: text.index("[[guardrails]]")])
    with pytest.raises(Invalid, match="guardrails"):
        load_policy(path)
