"""Which replies to show side by side. Pure: chosen by score difference or by id, never by taste."""

from collections.abc import Sequence

from evalsuite.report import ItemScore, SuiteScore
from feedback.words import Word


class SideBySide(Word):
    """One prompt, answered by both."""

    candidate: ItemScore
    incumbent: ItemScore

    @property
    def difference(self) -> float:
        return self.candidate.score - self.incumbent.score

    @property
    def item_id(self) -> str:
        return self.candidate.item_id


class Examples(Word):
    """`gains` and `losses`: the largest differences each way, largest first. `fixed`: the first prompts by id, which
    are the same whatever the scores are; the three lists share no prompt."""

    gains: tuple[SideBySide, ...]
    losses: tuple[SideBySide, ...]
    fixed: tuple[SideBySide, ...]


def side_by_side(candidate: SuiteScore, incumbent: SuiteScore) -> list[SideBySide]:
    """All items of one suite, by id."""
    theirs = {item.item_id: item for item in incumbent.items}
    ours = sorted(candidate.items, key=lambda item: item.item_id)
    return [SideBySide(candidate=item, incumbent=theirs[item.item_id]) for item in ours]


def choose(rows: Sequence[SideBySide], count: int = 3) -> Examples:
    fixed = tuple(sorted(rows, key=lambda row: row.item_id)[:count])
    shown = {row.item_id for row in fixed}
    rest = sorted((row for row in rows if row.item_id not in shown), key=lambda row: (row.difference, row.item_id))
    losses = tuple(row for row in rest[:count] if row.difference < 0)
    gains = tuple(row for row in reversed(rest[-count:]) if row.difference > 0)
    return Examples(gains=gains, losses=losses, fixed=fixed)
