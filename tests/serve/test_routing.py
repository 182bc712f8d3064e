"""The alias, the adapter's name and the role decide which adapter answers."""

import pytest

from feedback.errors import NotAllowed
from feedback.words import AccessRole
from serve.routing import Route, Served, UnknownModel, route
from tests.feedback.example import adapter

V1, V2 = adapter(1), adapter(2, "b" * 64)
SERVED = Served({"main": V1.adapter_id, "shop": "base"}, {one.adapter_id: one for one in (V1, V2)}, "base")
ANYBODY = tuple(AccessRole)


@pytest.mark.parametrize("role", ANYBODY)
@pytest.mark.parametrize(
    ("model", "expected"), [("main", Route(V1.adapter_id, "main")), ("shop", Route("base", "shop"))]
)
def test_an_alias_is_answered_by_its_lines_head(model: str, expected: Route, role: AccessRole) -> None:
    assert route(model, role, SERVED) == expected


@pytest.mark.parametrize(("model", "line"), [("base", None), (V1.adapter_id, "main"), (V2.adapter_id, "main")])
def test_only_operators_name_an_adapter_or_the_base(model: str, line: str | None) -> None:
    assert route(model, AccessRole.OPERATOR, SERVED) == Route(model, line)
    for role in (AccessRole.USER, AccessRole.ANNOTATOR):
        with pytest.raises(NotAllowed, match="main"):
            route(model, role, SERVED)


@pytest.mark.parametrize("role", ANYBODY)
@pytest.mark.parametrize("model", ["", "MAIN", "main ", "../main", "tiny--main-v0009-aaaaaaaa"])
def test_what_nothing_is_called_is_unknown(model: str, role: AccessRole) -> None:
    with pytest.raises(UnknownModel, match=r"main.*shop"):
        route(model, role, SERVED)
