"""Write a report about one job, or about several jobs of a migration, as HTML, Markdown or JSON."""
