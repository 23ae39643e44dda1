"""Make sent and found rows comparable, and compare them."""
