"""Simulated people with a known taste, for `make demo`."""
