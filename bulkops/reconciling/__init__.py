"""Compare sent records with the rows of the deployment, one by one, and decide whether the import is proved."""
