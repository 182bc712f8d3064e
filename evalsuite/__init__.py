"""Adapters -> EvalReports -> Verdict."""
