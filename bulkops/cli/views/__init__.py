"""Interaction of a command with the user: facts, questions, progress and results, from the options to the end."""
