"""Exports: the catalog, the download as a whole or in windows, and output files that are complete or absent."""
