import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from evalsuite.rules import Answer, Rule
from evalsuite.scorers import contest, score_reply

rule_from = TypeAdapter(Rule).validate_python

NEXT: dict[str, object] = {"rule": "ends_with_next_step", "phrases": ["bring it", "let us know"]}
CASES: list[tuple[dict[str, object], str, float]] = [
    ({"rule": "contains", "any_of": ["4"]}, "It is 4.", 1.0),
    ({"rule": "contains", "any_of": ["4"]}, "It is 14.", 0.0),
    ({"rule": "contains", "any_of": ["paris", "lyon"]}, "PARIS, of course", 1.0),
    ({"rule": "contains", "any_of": ["北京"]}, "首都是北京。", 1.0),
    ({"rule": "contains", "any_of": ["don't"]}, "I don’t know", 1.0),
    ({"rule": "contains_all", "all_of": ["red", "blue"]}, "red and green", 0.5),
    ({"rule": "excludes", "none_of": ["red"]}, "the red bike", 0.0),
    ({"rule": "excludes", "none_of": ["red"]}, "a bored rider", 1.0),
    ({"rule": "one_of", "texts": ["ready"]}, '"Ready."', 1.0),
    ({"rule": "one_of", "texts": ["ready"]}, "I am ready.", 0.0),
    ({"rule": "starts_with", "any_of": ["yes"]}, '"Yes, they can."', 1.0),
    ({"rule": "starts_with", "any_of": ["yes"]}, "Well, yes.", 0.0),
    ({"rule": "ends_with", "any_of": ["bye!"]}, "See you, bye!", 1.0),
    ({"rule": "ends_with", "any_of": ["bye!"]}, "bye! And more.", 0.0),
    ({"rule": "matches", "pattern": "(?-i:BIKE)"}, "A BIKE", 1.0),
    ({"rule": "matches", "pattern": "(?-i:BIKE)"}, "a bike", 0.0),
    ({"rule": "max_words", "words": 4}, "one two three four", 1.0),
    ({"rule": "max_words", "words": 4}, "one two three four five six", 0.5),
    ({"rule": "max_words", "words": 2}, "one two three four five six", 0.0),
    ({"rule": "min_words", "words": 4}, "one two", 0.5),
    ({"rule": "is_number", "value": 8}, "The result is 8.0 exactly", 1.0),
    ({"rule": "is_number", "value": 8}, "eight", 0.0),
    ({"rule": "is_number", "value": 8, "alone": True}, " 8. ", 1.0),
    ({"rule": "is_number", "value": 8, "alone": True}, "It is 8", 0.0),
    ({"rule": "list_of", "items": 3}, "- a\n- b\n- c", 1.0),
    ({"rule": "list_of", "items": 3}, "1. a\n2. b", 0.0),
    ({"rule": "list_of", "items": 3}, "red, blue and green.", 1.0),
    ({"rule": "no_list"}, "one - two, plain text", 1.0),
    ({"rule": "no_list"}, "So:\n1) a\n2) b", 0.0),
    ({"rule": "letters", "case": "upper"}, "ALL OF IT", 1.0),
    ({"rule": "letters", "case": "lower"}, "ALL of it", 0.0),
    ({"rule": "json_object", "keys": ["name", "age"]}, 'Sure: {"name": "Anna", "age": 30}', 1.0),
    ({"rule": "json_object", "keys": ["name", "age"]}, '{"name": "Anna"}', 0.5),
    ({"rule": "json_object", "keys": ["name"]}, "{name: Anna}", 0.0),
    ({"rule": "json_object", "keys": ["name"]}, "{" * 100_000 + "}", 0.0),
    ({"rule": "no_refusal"}, "I’m sorry, but I can't help.", 0.0),
    ({"rule": "no_refusal"}, "Use a stone.", 1.0),
    ({"rule": "not_repetitive"}, "each word of this is new here", 1.0),
    ({"rule": "not_repetitive"}, "we help you " * 12, 0.0),
    (NEXT, "It is worn. Would you like to book a visit?", 1.0),
    (NEXT, "It is worn. Just bring it on Monday.", 1.0),
    (NEXT, "Would you like a visit? It is worn.", 0.0),
    (NEXT, "Worn. You?", 0.0),
    (NEXT, "What is a worn chain?", 0.0),
]


@pytest.mark.parametrize(("table", "reply", "grade"), CASES)
def test_each_rule_grades_as_it_says(table, reply, grade):
    assert rule_from(table).grade(Answer(reply=reply)) == pytest.approx(grade)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"rule": "sounds_nice"}, "sounds_nice"),
        ({"rule": "contains", "any_of": []}, "at least 1"),
        ({"rule": "matches", "pattern": "("}, "no regular expression"),
        ({"rule": "max_words", "words": 0}, "greater than or equal to 1"),
        ({"rule": "no_list", "weight": 0}, "greater than 0"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_fault(table, fault):
    with pytest.raises(ValidationError, match=fault):
        rule_from(table)


def test_every_rule_is_among_the_cases():
    known = {schema["properties"]["rule"]["const"] for schema in TypeAdapter(Rule).json_schema()["$defs"].values()}
    assert {table["rule"] for table, _, _ in CASES} == known


@given(reply=st.text(max_size=300))
def test_any_text_gets_a_grade_between_0_and_1_from_every_rule(reply):
    for table in {str(table["rule"]): table for table, _, _ in CASES}.values():
        rule = rule_from(table)
        assert 0 <= rule.grade(Answer(reply=reply)) <= 1
        assert rule.asks


def test_a_score_is_the_weighted_mean_and_names_what_was_lost():
    rules = [rule_from({"rule": "max_words", "words": 4, "weight": 3}), rule_from({"rule": "no_refusal"})]
    scored = score_reply("I can't do it", rules)
    assert scored.score == pytest.approx(0.75)
    assert scored.lost == ("doesn't refuse",)


def test_an_empty_reply_scores_nothing_though_it_breaks_no_rule():
    scored = score_reply(" \n", [rule_from({"rule": "no_list"})])
    assert (scored.score, scored.lost) == (0.0, ("is empty",))


@pytest.mark.parametrize(
    ("ours", "theirs", "result"),
    [(0.9, 0.5, (1.0, 0.0)), (0.5, 0.9, (0.0, 1.0)), (0.5, 0.54, (0.5, 0.5)), (0.5, 0.5, (0.5, 0.5))],
)
def test_a_contest_is_a_tie_within_the_margin(ours, theirs, result):
    assert contest(ours, theirs, 0.05) == result
