"""Convert sent and found rows to canonical text, and compare them."""
