"""Dataset + Recipe -> Candidate."""
