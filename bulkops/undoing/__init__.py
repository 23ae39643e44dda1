"""Undo an import by removing its rows or points: rows by deletion, points by deduction.

Such an undo is a job of its own. Its file lists the rows or points to remove, and each chunk is one request.
"""
