"""Checks of cells, columns, keys, encodings and record shapes."""
