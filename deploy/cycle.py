"""What a cycle is: one turn of the loop, as its directory tells it.

A cycle is a directory. Each completed stage leaves one JSON file there, written whole or not at all: what exists is
done. So the state of a cycle is what is in its directory, and a resume runs what is missing, in order.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

from filelock import FileLock

from feedback.errors import Invalid, NotFound
from feedback.ids import ID_PATTERN, new_id
from feedback.manifest import read_json, write_json
from feedback.snapshot import SnapshotManifest
from feedback.words import Adapter, DatasetCard, Decision, Promotion, RunManifest, Verdict, Word

STAGES: dict[str, type[Word]] = {
    "snapshot": SnapshotManifest,
    "dataset": DatasetCard,
    "run": RunManifest,
    "candidate": Adapter,
    "verdict": Verdict,
    "promotion": Promotion,
}
StageName = Literal["snapshot", "dataset", "run", "candidate", "verdict", "promotion"]
Stage = TypeVar("Stage", bound=Word)


class CycleStart(Word):
    """What a cycle was started with: `cycle.json`, the first file in its directory."""

    cycle_id: str
    line: str
    recipe: str
    run_id: str
    started_at: datetime
    started_by: str


@dataclass(frozen=True)
class CycleState:
    """A cycle as its directory tells it. `running` while a process holds its line's lock for it."""

    start: CycleStart
    done: dict[str, Word]
    directory: Path

    @property
    def next_stage(self) -> str | None:
        return next((stage for stage in STAGES if stage not in self.done), None)

    @property
    def outcome(self) -> str:
        verdict = self.done.get("verdict")
        if isinstance(verdict, Verdict) and verdict.decision is Decision.NEEDS_LABELS:
            return "needs labels"
        promotion = self.done.get("promotion")
        if isinstance(promotion, Promotion):
            return "promoted" if promotion.action == "promote" else "rejected"
        return f"next: {self.next_stage}"


class Cycles:
    """The cycles of one home directory."""

    def __init__(self, home: Path) -> None:
        self.directory = home / "cycles"

    def list(self) -> list[CycleState]:
        """Newest first."""
        found = sorted(self.directory.glob("cyc_*/cycle.json"), reverse=True)
        return [self.state(path.parent.name) for path in found]

    def state(self, cycle_id: str) -> CycleState:
        directory = self._directory(cycle_id)
        start = read_json(directory / "cycle.json", CycleStart)
        files = {stage: directory / f"{stage}.json" for stage in STAGES}
        done = {stage: read_json(path, STAGES[stage]) for stage, path in files.items() if path.exists()}
        return CycleState(start=start, done=done, directory=directory)

    def newest(self) -> CycleState:
        listed = self.list()
        if not listed:
            raise NotFound("there is no cycle yet; start one with `ratchet cycle run`")
        return listed[0]

    def begin(self, line: str, recipe: str) -> CycleState:
        now = datetime.now(UTC)
        start = CycleStart(
            cycle_id=new_id("cyc", now),
            line=line,
            recipe=recipe,
            run_id=new_id("run", now),
            started_at=now,
            started_by=os.environ.get("USER") or "operator",
        )
        directory = self._directory(start.cycle_id)
        directory.mkdir(parents=True)
        write_json(directory / "cycle.json", start)
        return self.state(start.cycle_id)

    def unfinished(self, line: str) -> CycleState:
        """The newest cycle of the line that can go on."""
        for state in self.list():
            if state.start.line == line and state.next_stage and state.outcome != "needs labels":
                return state
        raise NotFound(f"no unfinished cycle on line '{line}'; start one with `ratchet cycle run`")

    def _directory(self, cycle_id: str) -> Path:
        if not ID_PATTERN.match(cycle_id):
            raise Invalid(f"'{cycle_id}' is no cycle id; `ratchet cycle list` shows them")
        return self.directory / cycle_id

    def lock(self, line: str) -> FileLock:
        self.directory.mkdir(parents=True, exist_ok=True)
        return FileLock(self.directory / f"{line}.lock", timeout=0)


def made(state: CycleState, stage: StageName, kind: type[Stage]) -> Stage:
    """What an earlier stage made."""
    word = state.done[stage]
    if not isinstance(word, kind):
        raise Invalid(f"{state.directory}/{stage}.json holds a {type(word).__name__}, not a {kind.__name__}")
    return word


def summary(word: Word) -> str:
    """A stage's result in one row."""
    match word:
        case SnapshotManifest():
            return ", ".join(f"{rows} {table}" for table, rows in word.tables.items())
        case DatasetCard():
            kinds = {kind: sum(splits.values()) for kind, splits in word.counts.items()}
            return f"{kinds}, dropped {sum(word.drops.values())}, {word.dataset_hash[:16]}"
        case RunManifest():
            return ", ".join(f"{s.stage} {s.steps} steps in {s.seconds:.0f} s" for s in word.stages)
        case Adapter():
            return word.adapter_id
        case Verdict():
            return f"{word.decision}: {' '.join(word.reasons)}"
        case Promotion():
            return f"{word.action} {word.adapter_id}"
    return type(word).__name__
