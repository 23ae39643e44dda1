"""Split a file into chunks without copying it."""
