"""Cutting a file into chunks without copying it."""
