"""What a deployment contains: read before an import, kept as a snapshot, and compared with files and targets."""
