"""Output of commands: findings, progress, tables, questions and JSON."""
