"""One page, or one document, that says what became of one job or of a migration of several."""
