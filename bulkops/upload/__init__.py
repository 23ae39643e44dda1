"""Sending a job's chunks so that no record is lost and none is sent twice."""
