"""Download exports and lists, and prove that each response is complete."""
