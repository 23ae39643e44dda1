"""Check cells, columns, keys, encodings, lines and record shapes; the block and the report import these checks."""
