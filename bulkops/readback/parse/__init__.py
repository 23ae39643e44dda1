"""Parse the CSV of an export, well quoted or not."""
