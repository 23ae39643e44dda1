"""Repairs, one module for each part of a record or file."""
