"""Read the account of a deployment, store it as a snapshot, and check files and targets against it."""
