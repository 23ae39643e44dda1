"""Find the boundaries of records, with valid or invalid quotes."""
