"""Replacing imports: check the target before each request, and undo."""
