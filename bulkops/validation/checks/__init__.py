"""Check cells, columns, keys, encodings and record shapes."""
