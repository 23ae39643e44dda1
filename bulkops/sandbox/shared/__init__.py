"""What several resources of the sandbox share."""
