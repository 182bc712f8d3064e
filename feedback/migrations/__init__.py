"""Numbered SQL files that make the store's tables. Append only: a file that was released never changes."""
