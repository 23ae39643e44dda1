"""Handle chunks that the server refuses."""
