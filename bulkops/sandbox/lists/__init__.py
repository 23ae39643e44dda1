"""What each list and single read answers, as JSON."""
