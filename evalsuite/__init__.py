"""Candidate against incumbent: is it really better, and on what evidence?

In: two chat models behind `evalsuite.model.ChatModel`, a Dataset's held-out part, suites and a gate policy (TOML).
Out: two EvalReports, a Verdict with its reasons, and a report to look at. Import from the modules: `evalsuite.judge`
composes; `evaluate`, `comparison`, `gate` and `render` are its steps.
"""
