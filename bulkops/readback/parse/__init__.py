"""Parse the CSV of an export, also with malformed quotes."""
