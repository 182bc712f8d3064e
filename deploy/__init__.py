"""Composition and machines: the command line, the processes, the cycle, the embedded model."""
