"""Programs for contributors: they check and measure this repository."""
