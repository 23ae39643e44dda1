"""Judging files: every defect found, located and counted, in bounded memory."""
