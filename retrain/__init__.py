"""Dataset + Recipe -> Candidate: SFT, then DPO, one LoRA adapter in a run directory whose manifest is written last.

`retrain.recipe` says what to do, `retrain.planning` which stages the data supports and why, `retrain.run` does it,
`python -m retrain` is the process. Only what trains (`policy`, `head`, `stages`) loads torch, and late.
"""
