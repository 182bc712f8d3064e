import random

import pytest

from deploy.demo.people import QUESTIONS_EACH, better_reply, complaints, load_shop, people, taste

RAMBLING = "Bicycles are vehicles. " * 60


@pytest.mark.parametrize(
    ("reply", "low", "high"),
    [
        ("Happy to help! A clean chain lasts about 3000 kilometres. Shall we measure yours for free?", 0.99, 1.0),
        (RAMBLING, 0.0, 0.05),
        ("", 0.0, 0.0),
        ("It depends on many things.", 0.3, 0.4),  # short, and nothing else
        ("Thanks for asking! It depends.", 0.6, 0.7),  # short and friendly
        ("Do we sell these? Yes. Bring it in.", 0.5, 0.6),  # short, with an invitation that is no question
    ],
)
def test_taste_is_brevity_friendliness_and_a_next_step(reply, low, high):
    assert low <= taste(reply) <= high


def test_a_list_costs_half_of_brevity():
    flowing = "Check the tube, the valve and the rim."
    assert taste("- Check the tube\n- the valve\n- the rim.") == pytest.approx(taste(flowing) - 1 / 6)


def test_every_question_is_asked_by_one_person_only():
    shop = load_shop()
    crowd = people(shop, seed=3)
    asked = [question.ask for person in crowd for question in person.questions]
    assert sorted(asked) == sorted({question.ask for question in shop.questions})
    assert {len(person.questions) for person in crowd} == {QUESTIONS_EACH}
    assert len({person.follow_up for person in crowd}) == len(crowd)


def test_the_same_seed_gives_the_same_people_and_another_seed_others():
    shop = load_shop()
    assert people(shop, 1) == people(shop, 1)
    assert people(shop, 1) != people(shop, 2)


def test_what_customers_write_themselves_they_like():
    shop, rng = load_shop(), random.Random(0)
    assert min(taste(better_reply(shop, question, rng)) for question in shop.questions) > 0.85


def test_complaints_name_what_taste_misses():
    assert complaints(RAMBLING) == ["Too long", "Unfriendly", "No next step"]
    assert complaints("Sure thing! Shall we?") == []
