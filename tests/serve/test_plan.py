"""What a replica is to hold, load and unload."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.words import Adapter, AdapterState
from serve.plan import Plan, plan, wanted
from tests.feedback.example import adapter, at


def adapters(states: list[AdapterState]) -> list[Adapter]:
    return [
        adapter(n, f"{n:x}" * 64).model_copy(update={"state": state, "created_at": at(n), "adapter_id": f"v{n}"})
        for n, state in enumerate(states, start=1)
    ]


C, L, R, X = AdapterState.CANDIDATE, AdapterState.LIVE, AdapterState.RETIRED, AdapterState.REJECTED
WANTED: list[tuple[list[AdapterState], dict[str, Any], int, tuple[str, ...]]] = [
    ([], {}, 4, ()),
    ([C, C, C], {"heads": ["base"]}, 4, ("v3", "v2", "v1")),
    ([R, R, L, X, C], {"heads": ["v3"], "previous": ["v2"]}, 4, ("v3", "v2", "v5")),
    ([R, R, L, X, C], {"heads": ["v3"], "previous": ["v2"]}, 2, ("v3", "v2")),
    ([R, R, L, X, C], {"heads": ["v3"], "previous": ["v2"], "pinned": ["v1"]}, 2, ("v3", "v1")),
    ([R, L], {"heads": ["v2"], "previous": ["base"]}, 4, ("v2",)),
    ([L, C, L], {"heads": ["v1", "v3"], "previous": ["v1"]}, 4, ("v1", "v3", "v2")),
]


@pytest.mark.parametrize(("states", "more", "room", "expected"), WANTED)
def test_heads_come_first_then_pinned_then_previous_then_new_candidates(
    states: list[AdapterState], more: dict[str, Any], room: int, expected: tuple[str, ...]
) -> None:
    given_ = {"heads": [], "previous": [], "pinned": []} | more
    assert wanted(adapters(states), given_["heads"], given_["previous"], given_["pinned"], room) == expected


PLANS: list[tuple[list[str], set[str], dict[str, int], set[str], int, Plan]] = [
    ([], set(), {}, set(), 4, Plan()),
    (["a", "b"], set(), {}, set(), 4, Plan(load=("a", "b"))),
    (["a", "b"], {"b"}, {}, set(), 4, Plan(load=("a",))),
    (["a"], {"a", "z"}, {}, set(), 4, Plan(unload=("z",))),
    (["a"], {"a", "z"}, {"z": 1}, set(), 4, Plan()),
    (["a"], {"a", "z"}, {"z": 0}, set(), 4, Plan(unload=("z",))),
    (["a", "b"], {"a", "z"}, {"z": 1}, set(), 2, Plan(waiting=("b",))),
    (["a", "b"], {"a", "z"}, {}, set(), 2, Plan(load=("b",), unload=("z",))),
    (["a", "b"], set(), {}, {"a"}, 4, Plan(load=("b",))),
]


@pytest.mark.parametrize(("want", "present", "in_flight", "refused", "room", "expected"), PLANS)
def test_plans(
    want: list[str], present: set[str], in_flight: dict[str, int], refused: set[str], room: int, expected: Plan
) -> None:
    assert plan(want, present, in_flight, refused, room) == expected


NAMES = st.sampled_from("abcdefgh")


@given(st.lists(NAMES, unique=True), st.sets(NAMES), st.dictionaries(NAMES, st.integers(0, 2)), st.integers(1, 6))
def test_a_plan_never_interrupts_never_overfills_and_settles(
    want: list[str], present: set[str], in_flight: dict[str, int], room: int
) -> None:
    want = want[:room]
    todo = plan(want, present, in_flight, set(), room)
    assert not any(in_flight.get(name) for name in todo.unload)
    assert not set(todo.unload) & set(want)
    after = present - set(todo.unload) | set(todo.load)
    assert len(after) <= max(room, len(present))
    assert set(want) <= after | set(todo.waiting)
    assert plan(want, after, {}, set(), room).load == todo.waiting
