"""The fake keeps the contract that the real vLLM is held to in tests/loop."""

from pathlib import Path

from tests.serve import vllm_contract
from tests.serve.example import write_adapter
from tests.serve.fake_vllm import BASE_ID, FakeVLLM


def test_the_fake_keeps_vllms_contract(vllm: FakeVLLM, tmp_path: Path) -> None:
    vllm_contract.check_all(vllm.url, BASE_ID, write_adapter(tmp_path / "adapter", 1.0), tmp_path / "nothing")
