"""Code that several resources of the sandbox share."""
