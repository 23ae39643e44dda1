"""Read files: sources, blocks, and the boundaries of records."""
