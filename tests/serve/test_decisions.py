"""Which decisions a line's state allows."""

import pytest

from feedback.errors import Conflict, Invalid, NotFound, RatchetError
from feedback.words import Adapter, AdapterState
from serve.decisions import check
from serve.routing import Served
from tests.feedback.example import adapter
from tests.serve.test_lines import decided


def known(name: str, state: AdapterState, line: str = "main") -> Adapter:
    return adapter(1, line=line).model_copy(update={"adapter_id": name, "state": state})


ADAPTERS = [
    known("live", AdapterState.LIVE),
    known("new", AdapterState.CANDIDATE),
    known("old", AdapterState.RETIRED),
    known("bad", AdapterState.REJECTED),
    known("shops", AdapterState.CANDIDATE, "shop"),
]
SERVED = Served({"main": "live", "shop": "base"}, {one.adapter_id: one for one in ADAPTERS}, "base")


@pytest.mark.parametrize(
    ("action", "adapter_id"),
    [("promote", "new"), ("promote", "old"), ("rollback", "old"), ("rollback", "base"), ("reject", "new")],
)
def test_allowed(action: str, adapter_id: str) -> None:
    check(decided(action, adapter_id, "live"), SERVED)


@pytest.mark.parametrize(
    ("action", "adapter_id", "incumbent", "line", "error"),
    [
        ("promote", "live", "live", "main", Conflict),
        ("promote", "bad", "live", "main", Conflict),
        ("promote", "base", "live", "main", NotFound),
        ("promote", "unknown", "live", "main", NotFound),
        ("promote", "shops", "live", "main", Invalid),
        ("promote", "new", "old", "main", Conflict),
        ("promote", "new", "live", "garden", NotFound),
        ("rollback", "new", "live", "main", Conflict),
        ("rollback", "live", "live", "main", Conflict),
        ("rollback", "base", "base", "shop", Conflict),
        ("reject", "live", "live", "main", Conflict),
        ("reject", "old", "live", "main", Conflict),
        ("reject", "bad", "live", "main", Conflict),
    ],
)
def test_refused(action: str, adapter_id: str, incumbent: str, line: str, error: type[RatchetError]) -> None:
    with pytest.raises(error):
        check(decided(action, adapter_id, incumbent, line), SERVED)
