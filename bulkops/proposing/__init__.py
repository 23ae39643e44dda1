"""Propose a recipe, or the configuration of `bulkops check`, from legacy files."""
