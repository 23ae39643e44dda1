"""Exports: what there is, fetched whole or window by window, written so that no part passes for the whole."""
