"""Check the target of replacing imports before each request, and undo such imports."""
