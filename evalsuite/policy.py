"""Reads the gate's policy from TOML."""

from pathlib import Path

from evalsuite.gate import GatePolicy
from evalsuite.tables import read_table

DEFAULT_POLICY = Path(__file__).parent / "gate.toml"


def load_policy(path: Path = DEFAULT_POLICY) -> GatePolicy:
    """The policy in the file. Invalid names the file and every fault; an unknown key is one."""
    return read_table(path, GatePolicy)
