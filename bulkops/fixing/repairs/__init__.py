"""Repair records and files, with one module for each part of them."""
