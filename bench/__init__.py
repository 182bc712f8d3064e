"""Repeatable benchmarks. Each prints ratios against a peer or a limit that was measured in the same run.

make bench                      all of them
.venv/bin/python -m bench store one of them
"""
