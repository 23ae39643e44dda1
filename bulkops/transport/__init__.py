"""Talking to the deployment: the only package that imports httpx."""
