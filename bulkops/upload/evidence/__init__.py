"""Settle chunks in doubt with rows that are read back."""
