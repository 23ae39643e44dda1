"""Map legacy rows to import files with SQL expressions, and keep the origin of every record."""
