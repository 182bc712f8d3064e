"""Turning the loop once: the stages of a cycle, in order, each making one immutable thing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout

from deploy.chat_model import GatewayModel
from deploy.cycle import STAGES, Cycles, CycleState, made, summary
from deploy.gateway import Gateway
from deploy.training import run_training
from evalsuite.judge import judge
from feedback.curate import curate
from feedback.dataset import read_dataset, write_dataset
from feedback.errors import Conflict
from feedback.manifest import write_json
from feedback.policy import load_policy
from feedback.snapshot import SnapshotManifest, read_snapshot
from feedback.words import Adapter, AdapterState, BaseModelRef, DatasetCard, Decision, Promotion, RunManifest, Verdict


@dataclass(frozen=True)
class Turner:
    """What a cycle needs around it: the home directory, the gateway, the base model and somebody to tell."""

    home: Path
    gateway: Gateway
    base: BaseModelRef
    say: Callable[[str], None]

    def run(self, state: CycleState) -> CycleState:
        """Runs the stages that are missing. Raises Conflict when another cycle of the line is running."""
        cycles = Cycles(self.home)
        try:
            with cycles.lock(state.start.line):
                for stage in STAGES:
                    state = cycles.state(state.start.cycle_id)
                    if stage in state.done or state.outcome == "needs labels":
                        continue
                    started = time.monotonic()
                    self.say(f"{stage} ...")
                    word = getattr(self, f"_{stage}")(state)
                    write_json(state.directory / f"{stage}.json", word)
                    self.say(f"{stage} done in {time.monotonic() - started:.0f} s: {summary(word)}")
        except Timeout as error:
            raise Conflict(
                f"a cycle of line '{state.start.line}' is running already; wait for it, or see `ratchet cycle list`"
            ) from error
        return cycles.state(state.start.cycle_id)

    def _snapshot(self, state: CycleState) -> SnapshotManifest:
        return SnapshotManifest.model_validate(self.gateway.snapshot())

    def _dataset(self, state: CycleState) -> DatasetCard:
        manifest = made(state, "snapshot", SnapshotManifest)
        snapshot = read_snapshot(self.home / "snapshots" / manifest.snapshot_id)
        curated = curate(snapshot, load_policy(), state.start.line)
        directory = write_dataset(
            curated, manifest.snapshot_id, state.start.line, self.home / "datasets", datetime.now(UTC)
        )
        return read_dataset(directory).card

    def _run(self, state: CycleState) -> RunManifest:
        return run_training(
            dataset_dir=self._dataset_dir(state),
            base=self.base,
            start=state.start,
            runs_dir=self.home / "runs",
        )

    def _candidate(self, state: CycleState) -> Adapter:
        adapter = self.gateway.take_in(state.start.run_id, state.start.line)
        if adapter.state is not AdapterState.CANDIDATE:
            raise Conflict(
                f"training made {adapter.adapter_id} again, byte for byte, which is {adapter.state}: nothing new was "
                "said since, and the recipe is the same; collect feedback or change the recipe"
            )
        return adapter

    def _verdict(self, state: CycleState) -> Verdict:
        dataset = read_dataset(self._dataset_dir(state))
        incumbent = self.gateway.live(state.start.line)
        verdict, _ = judge(
            GatewayModel(self.gateway, made(state, "candidate", Adapter).adapter_id),
            GatewayModel(self.gateway, incumbent),
            dataset,
            out_dir=state.directory / "report",
            progress=self.say,
        )
        return verdict

    def _promotion(self, state: CycleState) -> Promotion:
        verdict = made(state, "verdict", Verdict)
        promoted = verdict.decision is Decision.PROMOTE
        return self.gateway.promote(
            {
                "line": state.start.line,
                "action": "promote" if promoted else "reject",
                "adapter_id": verdict.candidate_id,
                "expected_incumbent_id": verdict.incumbent_id,
                "reason": " ".join(verdict.reasons),
                "report_hash": verdict.report_hash,
            }
        )

    def _dataset_dir(self, state: CycleState) -> Path:
        return self.home / "datasets" / made(state, "dataset", DatasetCard).dataset_hash[:16]
