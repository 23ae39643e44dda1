"""Undo an import by removing what it created: rows by deletion, points by deduction.

Such an undo is a job of its own. Its file lists what must go, and each chunk is one request.
"""
