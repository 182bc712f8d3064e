"""The picture that promotions make of the lines."""

from feedback.words import Promotion
from serve.lines import picture
from tests.feedback.example import adapter, at


def decided(action: str, adapter_id: str, incumbent_id: str, line: str = "main") -> Promotion:
    fields = {"promotion_id": "p", "line": line, "decided_by": "op", "decided_at": at(0), "reason": "r"}
    ids = {"adapter_id": adapter_id, "incumbent_id": incumbent_id}
    return Promotion.model_validate({"action": action, **ids, **fields})


def test_a_line_without_a_decision_is_the_bases() -> None:
    found = picture(["main"], "base", [], [])
    assert (found.served.heads, found.previous) == ({"main": "base"}, {"main": None})


def test_the_newest_move_of_each_line_counts_and_rejections_dont() -> None:
    newest_first = [
        decided("reject", "v3", "v2"),
        decided("promote", "s1", "base", "shop"),
        decided("promote", "v2", "v1"),
        decided("promote", "v1", "base"),
        decided("promote", "x", "y", "gone"),
    ]
    found = picture(["main", "shop"], "base", [adapter(1)], newest_first)
    assert found.served.heads == {"main": "v2", "shop": "s1"}
    assert found.previous == {"main": "v1", "shop": "base"}
    assert list(found.served.adapters) == [adapter(1).adapter_id]
