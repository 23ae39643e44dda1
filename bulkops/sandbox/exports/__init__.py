"""What each export prints, as CSV."""
