"""What commands print: validation output, job progress, tables, questions, JSON."""
