"""Reading files: sources, records and where they end."""
