"""Write a repaired copy of a file, with a log of every change."""
