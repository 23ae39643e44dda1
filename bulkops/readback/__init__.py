"""What the deployment shows of the rows: fetched, read leniently, made comparable with what was sent."""
