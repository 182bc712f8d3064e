"""The real vLLM keeps the contract that the gateway's tests hold their fake to."""

from deploy import stack
from tests.serve import vllm_contract


def test_the_real_vllm_keeps_the_contract(platform, promoted, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "adapter_config.json").write_text("{}")
    good = platform.settings.home / "runs" / promoted.run_id / "adapter"
    vllm_contract.check_all(platform.settings.vllm_url, stack.base_in_use(platform.settings).base_id, good, bad)
