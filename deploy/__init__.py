"""Composition and machines: the `ratchet` command, the processes it supervises, the embedded model, the cycle.

The only package that may import all others. `deploy.cli` is the way in; nothing heavy is imported before it is needed.
"""
