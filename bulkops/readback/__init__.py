"""Fetch the rows that a deployment shows, parse them leniently and compare them with the sent records.

`fetch.completeness` decides whether a response is complete.
"""
