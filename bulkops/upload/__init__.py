"""Upload the chunks of a job so that no record is lost and none is sent twice."""
