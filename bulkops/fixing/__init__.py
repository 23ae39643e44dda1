"""Write a repaired copy of a file, with a log of every change.

`repairs` has the repairs, and `catalogue` lists them by rule.
"""
