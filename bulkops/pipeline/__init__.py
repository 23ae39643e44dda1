"""The stages in order: the only package that sees them all."""
